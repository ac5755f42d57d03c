-- What did readers see before a batch answer was computed anew, and what after? An audit trail: rows are added, never
-- changed. What the stream had said before there was a batch answer stands in sma.differences.
CREATE TABLE sma.corrections (
    run_id text NOT NULL,
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum_before numeric(38, 6),
    event_count_before bigint,
    value_sum_after numeric(38, 6),
    event_count_after bigint,
    corrected_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, customer, metric, average, as_of)
);
SELECT create_hypertable('sma.corrections', by_range('as_of', INTERVAL '7 days'));
COMMENT ON TABLE sma.corrections IS 'Rows of batch_averages that a later computation replaced, removed or added: before and after.';
COMMENT ON COLUMN sma.corrections.value_sum_before IS 'null where the batch layer had no row';
COMMENT ON COLUMN sma.corrections.value_sum_after IS 'null where it has none any more';

GRANT SELECT, INSERT ON sma.corrections TO sma_batch;
