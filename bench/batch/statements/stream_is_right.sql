-- In PostgreSQL: the stream said what the batch layer says, long enough ago for PostgreSQL to know both tables.
INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
SELECT
    customer,
    metric,
    average,
    as_of,
    value_sum,
    event_count
FROM sma.batch_averages;
ANALYZE sma.streaming_averages, sma.batch_averages;
