-- What was compared, what differed, and why? An audit trail: rows are added, never changed.
CREATE TABLE sma.batch_days (
    day date NOT NULL,
    average text NOT NULL,
    read_to jsonb NOT NULL,
    closed_until timestamptz NOT NULL,
    row_count bigint NOT NULL,
    run_id text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, average)
);
COMMENT ON TABLE sma.batch_days IS 'From how much of the log each day of batch_averages was computed; replaced with its day.';
COMMENT ON COLUMN sma.batch_days.read_to IS 'partition -> first Kafka offset not read';
COMMENT ON COLUMN sma.batch_days.closed_until IS 'the last as_of that the watermark of what was read has passed';

CREATE TABLE sma.reconciliations (
    run_id text NOT NULL,
    day date NOT NULL,
    average text NOT NULL,
    windows_compared bigint NOT NULL,
    equal bigint NOT NULL,
    changed bigint NOT NULL,
    missing_in_stream bigint NOT NULL,
    extra_in_stream bigint NOT NULL,
    explained bigint NOT NULL,
    unexplained bigint NOT NULL,
    read_to jsonb NOT NULL,
    duration_seconds numeric(12, 3) NOT NULL,
    reconciled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, day, average),
    CHECK (windows_compared = equal + changed + missing_in_stream + extra_in_stream),
    CHECK (explained + unexplained = changed + missing_in_stream + extra_in_stream)
);
CREATE INDEX ON sma.reconciliations (day, average, reconciled_at DESC);

CREATE TABLE sma.differences (
    run_id text NOT NULL,
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    class text NOT NULL CHECK (class IN ('changed', 'missing_in_stream', 'extra_in_stream')),
    is_explained boolean NOT NULL,
    late_event_count bigint NOT NULL,
    stream_value_sum numeric(38, 6),
    stream_event_count bigint,
    batch_value_sum numeric(38, 6),
    batch_event_count bigint,
    reconciled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, customer, metric, average, as_of)
);
SELECT create_hypertable('sma.differences', by_range('as_of', INTERVAL '7 days'));
COMMENT ON COLUMN sma.differences.late_event_count IS 'how many late events the window holds';

CREATE TABLE sma.accounting (
    run_id text NOT NULL,
    kafka_partition integer NOT NULL,
    read_from bigint NOT NULL,
    read_to bigint NOT NULL,
    records bigint NOT NULL,
    events_used bigint NOT NULL,
    late_events bigint NOT NULL,
    rejected_events bigint NOT NULL,
    heartbeats bigint NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, kafka_partition)
);
COMMENT ON TABLE sma.accounting IS
    'records = events_used + late_events + rejected_events + heartbeats, or something was lost: late and rejected as the stream diverted them, records and heartbeats as the batch layer read them';
