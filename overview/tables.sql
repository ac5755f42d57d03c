-- Statements of tables: they read what the overview page shows of the database.

-- read_newest_row --
SELECT max(as_of)
FROM sma.streaming_averages
WHERE as_of <= now()

-- read_averages --
SELECT name
FROM sma.averages
ORDER BY every_ms, name

-- count_records --
-- of the log as far as it is indexed
SELECT
    coalesce(sum(event_count), 0)::bigint,
    coalesce(sum(late_event_count), 0)::bigint,
    coalesce(sum(rejected_event_count), 0)::bigint,
    coalesce(sum(heartbeat_count), 0)::bigint
FROM sma.indexed_partitions

-- read_days --
WITH newest AS (
    SELECT
        greatest(
            (SELECT max(day) FROM sma.batch_days WHERE day <= sma.day_of(now())),
            (SELECT sma.day_of(max(as_of)) FROM sma.streaming_averages WHERE as_of <= now())
        ) AS day
),
past AS (
    SELECT (newest.day - back) AS day
    FROM newest
    CROSS JOIN generate_series(0, %(days)s - 1) AS back
    WHERE newest.day IS NOT NULL
),
-- materialized, so that each day is looked up once and not for each average
shown AS MATERIALIZED (
    SELECT
        past.day,
        EXISTS (
            SELECT
            FROM sma.streaming_averages AS streamed
            WHERE streamed.as_of >= past.day::timestamp AT TIME ZONE INTERVAL '0'
                AND streamed.as_of < (past.day + 1)::timestamp AT TIME ZONE INTERVAL '0'
        ) AS has_rows
    FROM past
)
SELECT
    shown.day,
    definition.name,
    shown.has_rows,
    computed.written_at IS NOT NULL,
    coalesce(reconciliation.reconciled_at >= computed.written_at, false),
    coalesce(reconciliation.explained, 0),
    coalesce(reconciliation.unexplained, 0)
FROM shown
CROSS JOIN sma.averages AS definition
LEFT JOIN sma.batch_days AS computed ON computed.day = shown.day AND computed.average = definition.name
LEFT JOIN LATERAL (
    SELECT
        reconciled_at,
        explained,
        unexplained
    FROM sma.reconciliations
    WHERE day = shown.day AND average = definition.name
    ORDER BY reconciled_at DESC
    LIMIT 1
) AS reconciliation ON true
ORDER BY definition.every_ms, definition.name, shown.day
