-- By which rules was a streamed row computed, and which averages does the job compute? Rules have a generation, a number that
-- grows with each start that computes the log again; what carries a former one is left out.
CREATE TABLE sma.job_starts (
    start_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint NOT NULL CHECK (generation >= 0),
    started_at timestamptz NOT NULL DEFAULT now(),
    resumed_from text,
    watermark_delay_ms bigint NOT NULL,
    allowed_lateness_ms bigint NOT NULL,
    max_ahead_ms bigint NOT NULL,
    averages jsonb NOT NULL
);
COMMENT ON TABLE sma.job_starts IS
    'Each start of the job and what it computes from then on; written by the commands that start it.';
COMMENT ON COLUMN sma.job_starts.generation IS 'of its rules; the next with each start that reads the log from its beginning';
COMMENT ON COLUMN sma.job_starts.resumed_from IS 'the savepoint or checkpoint; null where it reads the log from its beginning';
COMMENT ON COLUMN sma.job_starts.averages IS 'name -> event_count or duration_ms of the window, and every_ms';
GRANT SELECT, INSERT ON sma.job_starts TO sma_streaming;
GRANT SELECT ON sma.job_starts TO sma_batch;
GRANT SELECT ON sma.job_starts TO sma_reader;

-- Whoever writes rows must know the generation, and readers of views do without the table.
CREATE FUNCTION sma.present_generation()
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT generation FROM sma.job_starts ORDER BY start_id DESC LIMIT 1), 0);
END;

ALTER TABLE sma.streaming_averages ADD COLUMN generation bigint NOT NULL DEFAULT 0;
ALTER TABLE sma.streaming_averages ALTER COLUMN generation SET DEFAULT sma.present_generation();
COMMENT ON COLUMN sma.streaming_averages.generation IS
    'of the rules that the row follows from; readers see only rows of the present one, and none replaces a row of a later one';

-- Which events there are depends on it, and so does what is due to be computed again.
ALTER TABLE sma.batch_days ADD COLUMN max_ahead_ms bigint;
COMMENT ON COLUMN sma.batch_days.max_ahead_ms IS
    'how far an event could be ahead of its record''s timestamp; null where the day was stored before this was recorded';
