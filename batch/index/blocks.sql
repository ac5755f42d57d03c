-- Statements of blocks: they select what the offset index holds of a span of time.

-- read_blocks --
SELECT
    first_offset,
    next_offset,
    min_event_time_ms,
    max_event_time_ms
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND max_event_time_ms >= %(from_ms)s
    AND min_event_time_ms < %(until_ms)s
ORDER BY first_offset

-- read_late_events --
SELECT
    kafka_offset,
    customer,
    metric,
    event_time_ms,
    value_micros
FROM sma.late_events
WHERE kafka_partition = %(partition)s
    AND event_time_ms >= %(from_ms)s
    AND event_time_ms < %(until_ms)s
ORDER BY kafka_offset
