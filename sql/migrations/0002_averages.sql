-- What did each layer say? One table for each layer, with one writer; the pair (value_sum, event_count) is exact.
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE SCHEMA sma;

CREATE TABLE sma.streaming_averages (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum numeric(38, 6) NOT NULL,
    event_count bigint NOT NULL CHECK (event_count > 0),
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer, metric, average, as_of)
);

CREATE TABLE sma.batch_averages (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum numeric(38, 6) NOT NULL,
    event_count bigint NOT NULL CHECK (event_count > 0),
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer, metric, average, as_of)
);

SELECT create_hypertable('sma.streaming_averages', by_range('as_of', INTERVAL '7 days'));
SELECT create_hypertable('sma.batch_averages', by_range('as_of', INTERVAL '7 days'));

COMMENT ON TABLE sma.streaming_averages IS 'What the stream said; written by Flink alone, upserted.';
COMMENT ON TABLE sma.batch_averages IS 'What the retained log says; written by Dagster alone.';
