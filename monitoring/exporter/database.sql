-- Statements of database: the exporter reads its metrics of the database with them.

-- read_database --
SELECT
    pg_database_size(current_database()),
    -- those that are left to everybody: the project's roles and superusers have reserved ones (from PostgreSQL 16 on)
    current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true), '0')::integer,
    (
        SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float
        FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    ),
    xact_commit,
    xact_rollback,
    deadlocks
FROM pg_catalog.pg_stat_database
WHERE datname = current_database()

-- count_sessions --
SELECT
    state,
    count(*)
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND state IS NOT NULL
GROUP BY state

-- read_hypertables --
SELECT
    hypertable_name,
    public.hypertable_size(format('%I.%I', hypertable_schema, hypertable_name)::regclass),
    num_chunks
FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'sma'

-- sum_differences --
SELECT
    average,
    sum(changed),
    sum(missing_in_stream),
    sum(extra_in_stream),
    sum(explained),
    sum(unexplained)
FROM sma.newest_reconciliations
GROUP BY average

-- sum_damaged_rows --
-- by average: rows found damaged and repaired within a day, and those that the newest audit of a day could not repair;
-- what is damaged still is audited again within the period
WITH repaired AS (
    SELECT
        average,
        sum(unexplained) AS damaged_rows
    FROM sma.corrected_days
    WHERE classified_at > clock_timestamp() - INTERVAL '1 day'
    GROUP BY average
),
standing AS (
    SELECT
        average,
        sum(damaged) AS damaged_rows
    FROM (
        SELECT DISTINCT ON (day, average)
            average,
            damaged
        FROM sma.audits
        WHERE audited_at > clock_timestamp() - 2 * %(period)s::interval
        ORDER BY day, average, audited_at DESC
    ) AS newest
    GROUP BY average
)
SELECT
    average,
    coalesce(repaired.damaged_rows, 0) + coalesce(standing.damaged_rows, 0)
FROM (SELECT DISTINCT average FROM sma.batch_days) AS known
FULL JOIN repaired USING (average)
FULL JOIN standing USING (average)

-- read_reconciled_age --
SELECT extract(epoch FROM clock_timestamp() - max(reconciled_at))::float
FROM sma.reconciliations

-- read_residues --
SELECT DISTINCT ON (kafka_partition)
    kafka_partition,
    CASE WHEN abs(residue) < mismatched THEN mismatched ELSE residue END
FROM sma.accounting
CROSS JOIN LATERAL (
    SELECT records - events_used - late_events - rejected_events - heartbeats AS residue
) AS counted
ORDER BY kafka_partition, checked_at DESC

-- count_side_outputs --
SELECT
    coalesce(sum(late_event_count), 0),
    coalesce(sum(rejected_event_count), 0)
FROM sma.indexed_partitions

-- read_data_ages --
SELECT
    customer,
    window_closed_age_seconds,
    streamed_age_seconds,
    reconciled_age_seconds
FROM serving.data_age

-- read_refreshes --
-- rows that a completed refresh does not contain were written after it was requested
SELECT
    extract(epoch FROM clock_timestamp() - newest.asked_at)::float,
    coalesce(ended.status NOT IN ('completed', 'busy', 'throttled'), false),
    waiting.days,
    CASE
        WHEN waiting.days > 0 OR streamed.as_of > coalesce(newest.streamed_to, '-infinity')
            THEN extract(epoch FROM clock_timestamp() - coalesce(newest.asked_at, first.asked_at))::float
        WHEN newest.asked_at IS NOT NULL THEN 0
    END
FROM (SELECT count(*) AS days FROM sma.unrefreshed_days()) AS waiting
CROSS JOIN (SELECT max(as_of) AS as_of FROM sma.streaming_averages) AS streamed
CROSS JOIN (SELECT min(asked_at) AS asked_at FROM sma.refreshes) AS first
LEFT JOIN LATERAL (
    SELECT
        asked_at,
        streamed_to
    FROM sma.refreshes
    WHERE status = 'completed'
    ORDER BY asked_at DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT status
    FROM sma.refreshes
    WHERE ended_at IS NOT NULL AND status NOT IN ('busy', 'throttled')
    ORDER BY asked_at DESC
    LIMIT 1
) AS ended ON true
