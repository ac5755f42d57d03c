-- Statements of database: the lock of the one writer, and what the batch layer knows of the log.

-- take_lock --
SELECT pg_catalog.pg_try_advisory_lock(hashtext('sma.heartbeats'), hashtext(%(topic)s))

-- keep_alive --
-- a writer whose machine is lost leaves the lock to the next within a minute
SELECT
    set_config('tcp_keepalives_idle', '30', false),
    set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)

-- read_floors --
SELECT
    topic_id,
    kafka_partition,
    max_log_time_ms
FROM sma.indexed_partitions
WHERE topic_id IS NOT NULL
    AND max_log_time_ms IS NOT NULL

-- read_max_ahead --
SELECT max_ahead_ms
FROM sma.job_starts
ORDER BY start_id DESC
LIMIT 1
