-- Statements of log_index: they read what the offset index holds of the whole log.

-- read_partitions --
SELECT
    indexed.kafka_partition,
    indexed.next_offset,
    indexed.max_log_time_ms,
    coalesce(sum(block.event_count), 0)::bigint,
    coalesce(sum(block.late_event_count), 0)::bigint,
    coalesce(sum(block.rejected_event_count), 0)::bigint,
    coalesce(sum(block.heartbeat_count), 0)::bigint,
    indexed.settled_ms
FROM sma.indexed_partitions AS indexed
LEFT JOIN sma.offset_blocks AS block USING (kafka_partition)
GROUP BY indexed.kafka_partition
ORDER BY indexed.kafka_partition

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
