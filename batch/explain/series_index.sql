-- Statements of series_index: they read what the offset index holds of one series in one partition.

-- read_partitions --
SELECT kafka_partition
FROM sma.indexed_series
WHERE customer = %(customer)s
    AND metric = %(metric)s
ORDER BY kafka_partition

-- read_indexed_to --
SELECT
    next_offset,
    max_log_time_ms,
    coalesce(origin_offset, 0)
FROM sma.indexed_partitions
WHERE kafka_partition = %(partition)s

-- read_newest --
SELECT max_log_time_ms
FROM sma.indexed_series
WHERE kafka_partition = %(partition)s
    AND customer = %(customer)s
    AND metric = %(metric)s

-- read_days --
SELECT day
FROM sma.series_days
WHERE kafka_partition = %(partition)s
    AND customer = %(customer)s
    AND metric = %(metric)s
    AND event_count > 0
ORDER BY day

-- read_late --
SELECT
    kafka_partition,
    kafka_offset,
    event_time_ms,
    value_micros,
    max_log_time_before_ms
FROM sma.late_events
WHERE kafka_partition = %(partition)s
    AND customer = %(customer)s
    AND metric = %(metric)s
    AND event_time_ms >= %(from_ms)s
    AND event_time_ms < %(until_ms)s
ORDER BY kafka_offset
