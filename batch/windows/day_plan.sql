-- Statements of day_plan: they read from the offset index which events a day's windows depend on.

-- count_by_day --
SELECT
    day,
    sum(event_count)::bigint
FROM sma.series_days
WHERE day >= %(from_day)s
    AND day < %(until_day)s
GROUP BY day

-- count_series --
SELECT count(*) FROM sma.indexed_series

-- read_days_before --
-- of the series that may have rows of a count window in the range: the days before it with their last events; late
-- events are not counted, as a filter may leave them out, but their days are included
WITH with_rows AS (
    SELECT
        customer,
        metric
    FROM sma.series_days
    WHERE kafka_partition = ANY(%(partitions)s)
        AND day >= %(lookback_day)s
        AND day < %(until_day)s
    UNION
    SELECT
        customer,
        metric
    FROM sma.late_events
    WHERE kafka_partition = ANY(%(partitions)s)
        AND event_time_ms >= %(lookback_ms)s
        AND event_time_ms < %(until_ms)s
),
series_day AS (
    SELECT
        customer,
        metric,
        day,
        event_count
    FROM sma.series_days
    WHERE kafka_partition = ANY(%(partitions)s)
        AND day < %(from_day)s
    UNION ALL
    SELECT
        customer,
        metric,
        DATE '1970-01-01' + floor(event_time_ms / %(day_ms)s::numeric)::integer,
        0
    FROM sma.late_events
    WHERE kafka_partition = ANY(%(partitions)s)
        AND event_time_ms < %(from_ms)s
),
counted AS (
    SELECT
        day,
        sum(sum(event_count)) OVER (
            PARTITION BY customer, metric
            ORDER BY day DESC
        ) - sum(event_count) AS newer_events
    FROM series_day
    INNER JOIN with_rows USING (customer, metric)
    GROUP BY customer, metric, day
)
SELECT DISTINCT day
FROM counted
WHERE newer_events < %(event_count)s

-- count_after --
SELECT coalesce(sum(event_count), 0)::bigint
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND next_offset > %(read_to)s
    AND min_event_time_ms < %(until_ms)s

-- find_scattered_series --
SELECT array_agg(DISTINCT kafka_partition)
FROM sma.indexed_series
GROUP BY customer, metric
HAVING count(*) > 1
