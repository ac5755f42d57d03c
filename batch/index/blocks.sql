-- Statements of blocks: they select what the offset index holds of a span of time.

-- read_blocks --
-- those between the first and the last event of the days, whatever else the index holds
WITH span AS MATERIALIZED (
    SELECT
        min(first_offset) AS first_offset,
        max(next_offset) AS next_offset
    FROM sma.log_days
    WHERE kafka_partition = %(partition)s
        AND max_event_time_ms >= %(from_ms)s
        AND min_event_time_ms < %(until_ms)s
        AND event_count > 0
)
SELECT
    block.first_offset,
    block.next_offset,
    block.min_event_time_ms,
    block.max_event_time_ms
FROM span
INNER JOIN sma.offset_blocks AS block
    ON block.kafka_partition = %(partition)s
    AND block.first_offset >= span.first_offset
    AND block.first_offset < span.next_offset
WHERE block.max_event_time_ms >= %(from_ms)s
    AND block.min_event_time_ms < %(until_ms)s
ORDER BY block.first_offset

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
