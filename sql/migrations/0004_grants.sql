-- What may each part touch? Flink writes one table, Dagster the others, and readers write nothing.
CREATE SCHEMA serving;

GRANT USAGE ON SCHEMA sma TO sma_streaming, sma_batch, sma_reader;
GRANT USAGE ON SCHEMA serving TO sma_serving, sma_reader;

GRANT SELECT, INSERT, UPDATE ON sma.streaming_averages TO sma_streaming;

GRANT SELECT ON sma.streaming_averages TO sma_batch;
GRANT SELECT, INSERT, UPDATE, DELETE ON sma.batch_averages, sma.batch_days TO sma_batch;
GRANT SELECT, INSERT ON sma.reconciliations, sma.differences, sma.accounting TO sma_batch;

GRANT SELECT ON ALL TABLES IN SCHEMA sma TO sma_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA sma GRANT SELECT ON TABLES TO sma_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA serving GRANT SELECT ON TABLES TO sma_reader;
