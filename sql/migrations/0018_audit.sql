-- Were the stored rows right before they were corrected? And when was each day last audited? See docs/decisions/0037.
ALTER TABLE sma.corrections ADD COLUMN is_explained boolean;
COMMENT ON COLUMN sma.corrections.is_explained IS
    'whether the row before was right for the part of the log that it was computed from; false: the row was damaged; null: not classified yet';
COMMENT ON TABLE sma.corrections IS
    'Rows of batch_averages that a later run replaced, removed or added: before and after. Rows are added; is_explained is set once.';

CREATE TABLE sma.corrected_days (
    run_id text NOT NULL,
    day date NOT NULL,
    average text NOT NULL,
    read_to_before jsonb,
    low_watermark_before timestamptz,
    corrections bigint NOT NULL,
    unexplained bigint,
    corrected_at timestamptz NOT NULL DEFAULT now(),
    classified_at timestamptz,
    PRIMARY KEY (run_id, day, average),
    CHECK ((unexplained IS NULL) = (classified_at IS NULL)),
    CHECK (unexplained IS NOT NULL OR (read_to_before IS NOT NULL AND low_watermark_before IS NOT NULL))
);
CREATE INDEX ON sma.corrected_days (classified_at);
CREATE INDEX ON sma.corrected_days (day) WHERE unexplained IS NULL;
COMMENT ON TABLE sma.corrected_days IS
    'One row for each batch result of which a run corrected rows: added together with the corrections, and classified afterwards.';
COMMENT ON COLUMN sma.corrected_days.read_to_before IS
    'partition -> first Kafka offset that the result before was not computed from; null: there was no result';
COMMENT ON COLUMN sma.corrected_days.low_watermark_before IS 'of the result before';
COMMENT ON COLUMN sma.corrected_days.unexplained IS
    'how many of the corrections no new event explains: rows that were damaged; null until they are classified';

CREATE TABLE sma.audits (
    run_id text NOT NULL,
    day date NOT NULL,
    average text NOT NULL,
    is_recomputed boolean NOT NULL,
    corrections bigint NOT NULL,
    unexplained_corrections bigint NOT NULL,
    unexplained_differences bigint,
    damaged bigint NOT NULL,
    audited_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, day, average)
);
CREATE INDEX ON sma.audits (day, average, audited_at DESC);
COMMENT ON TABLE sma.audits IS 'One row for each day and average that an audit checked. Rows are added, never changed.';
COMMENT ON COLUMN sma.audits.is_recomputed IS
    'false: Kafka no longer retains the events of the day, so its rows were only counted';
COMMENT ON COLUMN sma.audits.unexplained_differences IS
    'windows of the stream that late events do not explain; null: the day was not compared with the stream';
COMMENT ON COLUMN sma.audits.damaged IS
    'windows that are known to be damaged and were not repaired: rows are missing, too many or changed, as far as counts show it';

GRANT SELECT, INSERT, UPDATE (corrections, unexplained, classified_at) ON sma.corrected_days TO sma_batch;
GRANT UPDATE (is_explained) ON sma.corrections TO sma_batch;
GRANT SELECT, INSERT ON sma.audits TO sma_batch;
