-- Statements of audit: they record each refresh of the semantic model, and read what the next one needs.

-- read_waiting_days --
SELECT day
FROM sma.unrefreshed_days()
ORDER BY day

-- begin_refresh --
INSERT INTO sma.refreshes (
    run_id,
    refresh_type,
    reason
)
VALUES (
    %(run_id)s,
    %(refresh_type)s,
    %(reason)s
)

-- read_contents --
-- a refresh that was put off, for another client's refresh or a quota, did not change the model. A row ahead of the
-- clock, which an event with a wrong time makes, is not the newest: the policy would drop every other day
SELECT
    greatest(streamed.as_of, (SELECT max(as_of) FROM sma.batch_averages WHERE as_of <= now())),
    streamed.as_of,
    (SELECT streamed_to FROM sma.refreshes WHERE status = 'completed' ORDER BY asked_at DESC LIMIT 1),
    (
        SELECT effective_date
        FROM sma.refreshes
        WHERE status = 'completed' AND scope = 'policy'
        ORDER BY asked_at DESC
        LIMIT 1
    ),
    (
        SELECT status = 'completed'
        FROM sma.refreshes
        WHERE run_id <> %(run_id)s AND status NOT IN ('busy', 'throttled')
        ORDER BY asked_at DESC
        LIMIT 1
    )
FROM (SELECT max(as_of) AS as_of FROM sma.streaming_averages WHERE as_of <= now()) AS streamed

-- prepare_refresh --
UPDATE sma.refreshes
SET
    asked_at = clock_timestamp(),
    scope = %(scope)s,
    effective_date = %(effective_date)s,
    partitions = %(partitions)s,
    streamed_to = %(streamed_to)s
WHERE run_id = %(run_id)s

-- forget_days --
DELETE FROM sma.refreshed_days
WHERE run_id = %(run_id)s

-- keep_days --
INSERT INTO sma.refreshed_days (
    run_id,
    day,
    reconciled_at
)
SELECT
    %(run_id)s,
    waiting.day,
    waiting.reconciled_at
FROM sma.unrefreshed_days() AS waiting
WHERE %(covers_from)s::date IS NULL OR waiting.day >= %(covers_from)s

-- accept_refresh --
UPDATE sma.refreshes
SET
    request_id = %(request_id)s,
    waits = %(waits)s,
    accepted_at = clock_timestamp()
WHERE run_id = %(run_id)s

-- look_at_refresh --
UPDATE sma.refreshes
SET looked_at = clock_timestamp()
WHERE run_id = %(run_id)s

-- end_refresh --
UPDATE sma.refreshes
SET
    ended_at = clock_timestamp(),
    status = %(status)s,
    error = %(error)s,
    retry_at = clock_timestamp() + make_interval(secs => %(retry_after_s)s),
    waits = coalesce(%(waits)s, waits)
WHERE run_id = %(run_id)s

-- settle_refresh --
UPDATE sma.refreshes
SET
    ended_at = clock_timestamp(),
    status = 'unknown',
    error = 'its run ended before Power BI had named the request'
WHERE ended_at IS NULL AND request_id IS NULL

-- read_open_refresh --
SELECT
    run_id,
    request_id,
    extract(epoch FROM clock_timestamp() - asked_at)::float,
    extract(epoch FROM clock_timestamp() - accepted_at)::float,
    waits
FROM sma.refreshes
WHERE ended_at IS NULL
ORDER BY asked_at
LIMIT 1

-- read_known --
SELECT
    clock_timestamp(),
    (SELECT count(*) FROM sma.unrefreshed_days()),
    newest.asked_at,
    CASE WHEN newest.status NOT IN ('completed', 'throttled') THEN newest.ended_at END,
    newest.retry_at,
    EXISTS (SELECT FROM sma.refreshes WHERE ended_at IS NULL),
    (SELECT max(looked_at) FROM sma.refreshes WHERE ended_at IS NULL),
    ARRAY(
        SELECT asked_at
        FROM sma.refreshes
        WHERE request_id IS NOT NULL AND asked_at > clock_timestamp() - INTERVAL '24 hours'
        ORDER BY asked_at
    )
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT * FROM sma.refreshes ORDER BY asked_at DESC LIMIT 1) AS newest ON true

-- record_contained --
-- the newest reconciled window is in the newest day of which completed refreshes, this one included, contain a
-- reconciliation: its last row that was there when that reconciliation took its rows
WITH newest AS (
    SELECT
        refreshed.day,
        max(refreshed.reconciled_at) AS reconciled_at
    FROM sma.refreshed_days AS refreshed
    JOIN sma.refreshes AS refresh USING (run_id)
    WHERE refresh.status = 'completed' AND refreshed.day <= sma.day_of(now())
    GROUP BY refreshed.day
    ORDER BY refreshed.day DESC
    LIMIT 1
),
last_window AS (
    SELECT max(rows.as_of) AS as_of
    FROM sma.batch_averages AS rows, newest
    WHERE
        rows.as_of >= newest.day::timestamp AT TIME ZONE 'UTC'
        AND rows.as_of < (newest.day + 1)::timestamp AT TIME ZONE 'UTC'
        AND rows.written_at <= newest.reconciled_at
)
UPDATE sma.refreshes AS refresh
SET
    window_end = last_window.as_of,
    streamed_at = (
        SELECT max(rows.written_at) FROM sma.streaming_averages AS rows WHERE rows.as_of = last_window.as_of
    ),
    reconciled_at = newest.reconciled_at
FROM newest, last_window
WHERE refresh.run_id = %(run_id)s AND last_window.as_of IS NOT NULL
RETURNING
    refresh.window_end,
    refresh.streamed_at,
    refresh.reconciled_at,
    extract(epoch FROM refresh.ended_at - refresh.window_end)::float
