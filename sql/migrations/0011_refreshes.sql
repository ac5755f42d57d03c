-- Which refreshes of the Power BI model were asked for, what came of each, and how old what readers saw was? An audit
-- trail: a row is added when a refresh is asked for, and completed once, when it has ended.
CREATE TABLE sma.refreshes (
    run_id text PRIMARY KEY,
    request_id text,
    refresh_type text NOT NULL CHECK (refresh_type IN ('standard', 'enhanced')),
    reason text NOT NULL,
    asked_at timestamptz NOT NULL,
    accepted_at timestamptz,
    ended_at timestamptz,
    status text CHECK (status IN ('completed', 'failed', 'cancelled', 'disabled', 'timed_out', 'busy', 'throttled', 'lost')),
    error text,
    retry_at timestamptz,
    waits integer,
    window_end timestamptz,
    streamed_at timestamptz,
    reconciled_at timestamptz,
    CHECK ((ended_at IS NULL) = (status IS NULL))
);
CREATE INDEX ON sma.refreshes (asked_at DESC);
COMMENT ON TABLE sma.refreshes IS 'Refreshes of the Power BI model that Dagster asked for, one for each run.';
COMMENT ON COLUMN sma.refreshes.request_id IS 'as the answer to the request named it; null where none was accepted';
COMMENT ON COLUMN sma.refreshes.status IS 'null while it runs; lost: its run ended without saying what became of it';
COMMENT ON COLUMN sma.refreshes.retry_at IS 'before that, Power BI refuses another by a quota';
COMMENT ON COLUMN sma.refreshes.window_end IS 'as_of of the newest reconciled window that a completed refresh contains';
COMMENT ON COLUMN sma.refreshes.streamed_at IS 'when the stream last stated a row of that window, by the database''s clock';
COMMENT ON COLUMN sma.refreshes.reconciled_at IS 'when that window was reconciled';

GRANT SELECT, INSERT, UPDATE ON sma.refreshes TO sma_batch;
