-- Statements of averages_tables: they move rows of averages in and out of the two layers' tables.

-- copy_batch_averages --
COPY sma.batch_averages (
    customer,
    metric,
    average,
    as_of,
    value_sum,
    event_count
)
FROM STDIN (FORMAT binary)

-- read_averages --
-- a row for each series: what a row costs on the way, it costs for a whole series
SELECT
    customer,
    metric,
    count(*),
    array_send(array_agg(as_of)),
    array_send(array_agg(value_sum)),
    array_send(array_agg(event_count))
FROM sma.{table}
WHERE average = {average}
    AND as_of >= {from_time}
    AND as_of < {until_time}
    {and_present}
GROUP BY customer, metric

-- create_wrong --
CREATE TEMPORARY TABLE IF NOT EXISTS wrong (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum numeric(38, 6) NOT NULL,
    event_count bigint NOT NULL
) ON COMMIT DELETE ROWS

-- copy_wrong --
COPY pg_temp.wrong FROM STDIN (FORMAT binary)

-- delete_wrong --
DELETE FROM sma.batch_averages AS stored
USING pg_temp.wrong
WHERE stored.customer = wrong.customer
    AND stored.metric = wrong.metric
    AND stored.average = wrong.average
    AND stored.as_of = wrong.as_of
    AND stored.as_of >= %(from_time)s
    AND stored.as_of <= %(last_time)s

-- analyze_wrong --
ANALYZE pg_temp.wrong

-- empty_wrong --
TRUNCATE pg_temp.wrong
