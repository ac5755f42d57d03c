-- Diverts an event that stands at or behind the watermark which the records before it in its partition have raised.
INSERT INTO late_events
SELECT
    CAST(`partition` AS STRING) || '/' || CAST(kafka_offset AS STRING),
    `partition`,
    kafka_offset,
    customer,
    metric,
    time_ms,
    CAST(`value` AS STRING),
    watermark_ms
FROM placed
WHERE customer IS NOT NULL AND time_ms <= watermark_ms
