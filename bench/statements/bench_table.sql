-- In PostgreSQL: a hypertable keyed and laid out as sma.streaming_averages, for Flink's JDBC sink.
CREATE TABLE IF NOT EXISTS sma.bench_averages (LIKE sma.streaming_averages INCLUDING ALL);
SELECT create_hypertable('sma.bench_averages', by_range('as_of', INTERVAL '7 days'), if_not_exists => true);
ALTER TABLE sma.bench_averages OWNER TO sma_owner;
