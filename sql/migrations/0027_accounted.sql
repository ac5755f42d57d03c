-- A reconciliation accounts for the records that came since the last one. Each row says up to where a run has.
CREATE TABLE sma.accounted (
    accounted_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL,
    generation bigint NOT NULL,
    late_to jsonb NOT NULL,
    rejected_to jsonb NOT NULL,
    accounted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sma.accounted IS
    'Up to where each reconciliation has read the side outputs; what it accounted for is in sma.accounting. Rows are added, never changed.';
COMMENT ON COLUMN sma.accounted.generation IS 'of the job whose side outputs were read';
COMMENT ON COLUMN sma.accounted.late_to IS
    'partition of the topic late_events -> first Kafka offset that the next reconciliation reads';
COMMENT ON COLUMN sma.accounted.rejected_to IS 'the same of rejected_events';
GRANT SELECT, INSERT ON sma.accounted TO sma_batch;
GRANT SELECT ON sma.accounted TO sma_reader;
