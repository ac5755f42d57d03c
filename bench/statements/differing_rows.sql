-- In PostgreSQL: how many rows has one of the two tables that the other one has not?
SELECT count(*)
FROM sma.streaming_averages AS ours
FULL JOIN sma.bench_averages AS theirs USING (customer, metric, average, as_of)
WHERE (ours.value_sum, ours.event_count) IS DISTINCT FROM (theirs.value_sum, theirs.event_count)
