-- Statements of day_plan: they read from the offset index what a day's windows need of the log.

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
-- of the series that may have rows of a count window in the range: the days before it on which their last events lie;
-- late events are not counted, as a part may leave them out, but their days are among those that are looked at
WITH stated AS (
    SELECT
        customer,
        metric
    FROM sma.series_days
    WHERE kafka_partition = %(partition)s
        AND day >= %(reach_day)s
        AND day < %(until_day)s
    UNION
    SELECT
        customer,
        metric
    FROM sma.late_events
    WHERE kafka_partition = %(partition)s
        AND event_time_ms >= %(reach_ms)s
        AND event_time_ms < %(until_ms)s
),
held AS (
    SELECT
        customer,
        metric,
        day,
        event_count
    FROM sma.series_days
    WHERE kafka_partition = %(partition)s
        AND day < %(from_day)s
    UNION ALL
    SELECT
        customer,
        metric,
        DATE '1970-01-01' + floor(event_time_ms / %(day_ms)s::numeric)::integer,
        0
    FROM sma.late_events
    WHERE kafka_partition = %(partition)s
        AND event_time_ms < %(from_ms)s
),
counted AS (
    SELECT
        day,
        sum(sum(event_count)) OVER (
            PARTITION BY customer, metric
            ORDER BY day DESC
        ) - sum(event_count) AS newer_events
    FROM held
    INNER JOIN stated USING (customer, metric)
    GROUP BY customer, metric, day
)
SELECT DISTINCT day
FROM counted
WHERE newer_events < %(event_count)s

-- count_behind --
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
