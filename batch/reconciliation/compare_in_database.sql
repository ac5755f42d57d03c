-- Statements of compare_in_database: they count where both layers' rows are equal, without reading the rows out.

-- count_rows --
-- two layers' rows in a range of as_of; a window that one of them lacks is null there. All averages at once: they share
-- an index by time, and a join for each would read the rows of all
SELECT
    average,
    count(stream.as_of),
    count(batch.as_of),
    count(*) FILTER (WHERE stream.value_sum = batch.value_sum AND stream.event_count = batch.event_count)
FROM (
    SELECT
        customer,
        metric,
        average,
        as_of,
        value_sum,
        event_count
    FROM sma.streaming_averages
    WHERE average = ANY(%(averages)s)
        AND generation = (SELECT sma.present_generation())
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
) AS stream
FULL JOIN (
    SELECT
        customer,
        metric,
        average,
        as_of,
        value_sum,
        event_count
    FROM sma.batch_averages
    WHERE average = ANY(%(averages)s)
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
) AS batch USING (customer, metric, average, as_of)
GROUP BY average

-- join_by_hash --
-- by hashes in memory: a merge join, which PostgreSQL may think cheaper, sorts names, and took three times as long
SELECT set_config('work_mem', '32MB', true), set_config('enable_mergejoin', 'off', true)
