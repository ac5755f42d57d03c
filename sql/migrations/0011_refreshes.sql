-- Which refreshes of the Power BI model were asked for, what came of each, and which reconciliations does each contain?
-- An audit trail: a row is added when a refresh is asked for, and completed once, when Power BI has said how it ended.
CREATE TABLE sma.refreshes (
    run_id text PRIMARY KEY,
    request_id text,
    refresh_type text NOT NULL CHECK (refresh_type IN ('standard', 'enhanced')),
    reason text NOT NULL,
    scope text CHECK (scope IN ('model', 'policy', 'tables', 'partitions')),
    effective_date date,
    partitions text[],
    streamed_to timestamptz,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    accepted_at timestamptz,
    looked_at timestamptz,
    ended_at timestamptz,
    status text CHECK (
        status IN (
            'completed', 'failed', 'cancelled', 'disabled', 'timed_out', 'refused', 'busy', 'throttled', 'unknown'
        )
    ),
    error text,
    retry_at timestamptz,
    waits integer,
    window_end timestamptz,
    streamed_at timestamptz,
    reconciled_at timestamptz,
    CHECK ((ended_at IS NULL) = (status IS NULL))
);
CREATE INDEX ON sma.refreshes (asked_at DESC);
COMMENT ON TABLE sma.refreshes IS
    'Refreshes of the Power BI model that Dagster asked for, one for each run; every time is the database''s own.';
COMMENT ON COLUMN sma.refreshes.request_id IS 'as the answer to the request named it; null where none was accepted';
COMMENT ON COLUMN sma.refreshes.scope IS
    'what was asked for: the model, the model by its refresh policy, tables whole, or partitions of changed days';
COMMENT ON COLUMN sma.refreshes.effective_date IS 'the day that stood for today where the refresh policy was applied';
COMMENT ON COLUMN sma.refreshes.streamed_to IS 'newest as_of of the stream when it was asked for';
COMMENT ON COLUMN sma.refreshes.asked_at IS 'just before the request was last sent';
COMMENT ON COLUMN sma.refreshes.looked_at IS 'when Power BI was last asked in vain how an open request goes on';
COMMENT ON COLUMN sma.refreshes.status IS
    'null while open; failed, cancelled, disabled and timed_out are Power BI''s own words; unknown: it never said';
COMMENT ON COLUMN sma.refreshes.retry_at IS 'before that, Power BI refuses another by a quota';
COMMENT ON COLUMN sma.refreshes.window_end IS 'as_of of the newest reconciled window that a completed refresh contains';
COMMENT ON COLUMN sma.refreshes.streamed_at IS 'when the stream last stated a row of that window';
COMMENT ON COLUMN sma.refreshes.reconciled_at IS 'when that window was reconciled';

CREATE TABLE sma.refreshed_days (
    run_id text NOT NULL REFERENCES sma.refreshes,
    day date NOT NULL,
    reconciled_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, day)
);
COMMENT ON TABLE sma.refreshed_days IS
    'For each refresh the days that it brings anew: reconciliations that could be read before its request was sent.';
COMMENT ON COLUMN sma.refreshed_days.reconciled_at IS 'of the newest reconciliation of the day that could be read then';

CREATE FUNCTION sma.unrefreshed_days()
RETURNS TABLE (day date, reconciled_at timestamptz)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        held.day,
        held.reconciled_at
    FROM (
        SELECT
            reconciliation.day,
            max(reconciliation.reconciled_at) AS reconciled_at
        FROM sma.reconciliations AS reconciliation
        GROUP BY reconciliation.day
    ) AS held
    LEFT JOIN (
        SELECT
            refreshed.day,
            max(refreshed.reconciled_at) AS reconciled_at
        FROM sma.refreshed_days AS refreshed
        JOIN sma.refreshes AS refresh USING (run_id)
        WHERE refresh.status = 'completed'
        GROUP BY refreshed.day
    ) AS contained USING (day)
    WHERE contained.reconciled_at IS NULL OR held.reconciled_at > contained.reconciled_at
$$;
COMMENT ON FUNCTION sma.unrefreshed_days IS
    'Days whose newest reconciliation no completed refresh contains, and when that reconciliation took its rows.';

REVOKE ALL ON FUNCTION sma.unrefreshed_days FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sma.unrefreshed_days TO sma_batch;
GRANT SELECT, INSERT, UPDATE ON sma.refreshes TO sma_batch;
GRANT SELECT, INSERT, DELETE ON sma.refreshed_days TO sma_batch;
