-- Statements of log_index: they read what the offset index holds of the whole log.

-- read_partitions --
SELECT
    kafka_partition,
    next_offset,
    max_log_time_ms,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    settled_ms,
    coalesce(origin_offset, 0)
FROM sma.indexed_partitions
ORDER BY kafka_partition

-- read_read_to --
SELECT
    kafka_partition,
    next_offset
FROM sma.indexed_partitions
ORDER BY kafka_partition

-- read_settled --
SELECT max(low_watermark) FROM sma.batch_days

-- read_topic_ids --
SELECT DISTINCT topic_id
FROM sma.indexed_partitions
WHERE topic_id IS NOT NULL

-- read_rules --
SELECT DISTINCT
    allowed_lateness_ms,
    max_ahead_ms
FROM sma.indexed_partitions
