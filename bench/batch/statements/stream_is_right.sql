-- In PostgreSQL: the stream has emitted what the batch layer has computed, and PostgreSQL knows how large both tables are.
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
