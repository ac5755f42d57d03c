-- Diverts what is neither an event nor a heartbeat.
INSERT INTO rejected_events
SELECT
    CAST(`partition` AS STRING) || '/' || CAST(kafka_offset AS STRING),
    `partition`,
    kafka_offset,
    epoch_millis(record_timestamp),
    rejection,
    `raw`
FROM records
WHERE rejection IS NOT NULL
