-- Statements of index_tables: they read where the offset index ends, and extend it by a pass over the log.

-- lock_partition --
SELECT pg_advisory_lock(hashtext('sma.indexed_partitions'), %(partition)s)

-- unlock_partition --
SELECT pg_advisory_unlock(hashtext('sma.indexed_partitions'), %(partition)s)

-- read_indexed_to --
SELECT
    next_offset,
    max_log_time_ms,
    origin_offset,
    origin_appended_ms,
    origin_max_log_time_ms,
    origin_events_to_go
FROM sma.indexed_partitions
WHERE kafka_partition = %(partition)s

-- lock_indexed --
SELECT
    next_offset,
    allowed_lateness_ms,
    max_ahead_ms
FROM sma.indexed_partitions
WHERE kafka_partition = %(partition)s
FOR UPDATE

-- read_last_block --
SELECT
    first_offset,
    next_offset,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    min_event_time_ms,
    max_event_time_ms
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
ORDER BY first_offset DESC
LIMIT 1

-- read_series --
SELECT
    indexed.customer,
    indexed.metric,
    indexed.max_log_time_ms
FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS met (customer, metric)
INNER JOIN sma.indexed_series AS indexed
    ON indexed.kafka_partition = %(partition)s
    AND indexed.customer = met.customer
    AND indexed.metric = met.metric

-- delete_blocks_from --
DELETE FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND first_offset >= %(first_offset)s

-- copy_blocks --
COPY sma.offset_blocks (
    kafka_partition,
    first_offset,
    next_offset,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    min_event_time_ms,
    max_event_time_ms
)
FROM STDIN

-- copy_late --
COPY sma.late_events (
    kafka_partition,
    kafka_offset,
    customer,
    metric,
    event_time_ms,
    value_micros,
    max_log_time_before_ms
)
FROM STDIN

-- copy_rejected --
COPY sma.rejected_events (kafka_partition, kafka_offset, reason) FROM STDIN

-- upsert_series --
INSERT INTO sma.indexed_series (
    kafka_partition,
    customer,
    metric,
    max_log_time_ms,
    first_offset,
    first_log_time_ms
)
SELECT
    %(partition)s,
    *
FROM unnest(
    %(customers)s::text[],
    %(metrics)s::text[],
    %(newest)s::bigint[],
    %(first_offsets)s::bigint[],
    %(first_log_times)s::bigint[]
)
ON CONFLICT (kafka_partition, customer, metric) DO UPDATE
SET max_log_time_ms = excluded.max_log_time_ms
WHERE indexed_series.max_log_time_ms < excluded.max_log_time_ms

-- add_days --
INSERT INTO sma.series_days AS counted (
    kafka_partition,
    customer,
    metric,
    day,
    event_count,
    late_event_count,
    next_offset
)
SELECT
    %(partition)s,
    *,
    %(next_offset)s
FROM unnest(
    %(customers)s::text[],
    %(metrics)s::text[],
    %(days)s::date[],
    %(counts)s::bigint[],
    %(late_counts)s::bigint[]
)
ON CONFLICT (kafka_partition, day, customer, metric) DO UPDATE
SET event_count = counted.event_count + excluded.event_count,
    late_event_count = counted.late_event_count + excluded.late_event_count,
    next_offset = excluded.next_offset

-- record_partition --
INSERT INTO sma.indexed_partitions (
    kafka_partition,
    next_offset,
    max_log_time_ms,
    allowed_lateness_ms,
    max_ahead_ms,
    topic_id,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    origin_offset,
    origin_appended_ms,
    origin_max_log_time_ms,
    origin_events_to_go
)
VALUES (
    %(partition)s,
    %(next_offset)s,
    %(max_log_time_ms)s,
    %(allowed_lateness_ms)s,
    %(max_ahead_ms)s,
    %(topic_id)s,
    %(events)s,
    %(late_events)s,
    %(rejected_events)s,
    %(heartbeats)s,
    %(origin_offset)s,
    %(origin_appended_ms)s,
    %(origin_max_log_time_ms)s,
    %(origin_events_to_go)s
)
ON CONFLICT (kafka_partition) DO UPDATE
SET next_offset = excluded.next_offset,
    max_log_time_ms = excluded.max_log_time_ms,
    topic_id = coalesce(indexed_partitions.topic_id, excluded.topic_id),
    event_count = indexed_partitions.event_count + excluded.event_count,
    late_event_count = indexed_partitions.late_event_count + excluded.late_event_count,
    rejected_event_count = indexed_partitions.rejected_event_count + excluded.rejected_event_count,
    heartbeat_count = indexed_partitions.heartbeat_count + excluded.heartbeat_count,
    origin_appended_ms = excluded.origin_appended_ms,
    origin_max_log_time_ms = excluded.origin_max_log_time_ms,
    origin_events_to_go = excluded.origin_events_to_go,
    indexed_at = now()

-- fill_in_topic_id --
UPDATE sma.indexed_partitions
SET topic_id = %(topic_id)s
WHERE topic_id IS NULL

-- forget_index --
TRUNCATE
    sma.indexed_partitions,
    sma.offset_blocks,
    sma.indexed_series,
    sma.series_days,
    sma.log_days,
    sma.late_events,
    sma.rejected_events,
    sma.split_series
