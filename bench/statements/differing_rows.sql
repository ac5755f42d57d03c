-- In PostgreSQL: how many rows has one of two tables that the other one has not?
SELECT count(*)
FROM {ours} AS ours
FULL JOIN {theirs} AS theirs USING (customer, metric, average, as_of)
WHERE (ours.value_sum, ours.event_count) IS DISTINCT FROM (theirs.value_sum, theirs.event_count)
