-- Statements of day_plan: they read from the offset index which events a day's windows depend on.

-- count_by_day --
SELECT
    day,
    sum(event_count)::bigint
FROM sma.log_days
WHERE day >= %(from_day)s
    AND day < %(until_day)s
GROUP BY day

-- count_series --
SELECT count(*) FROM sma.indexed_series

-- read_days_before --
-- of the series that may have rows of a count window in the range: the days before it with their last events, back
-- until so many are there; late events are not counted, as a filter may leave them out, but their days are included
WITH RECURSIVE with_rows AS (
    SELECT DISTINCT
        present.customer,
        present.metric
    FROM sma.log_days AS held
    INNER JOIN sma.series_days AS present USING (kafka_partition, day)
    WHERE held.kafka_partition = ANY(%(partitions)s)
        AND held.day >= %(lookback_day)s
        AND held.day < %(until_day)s
),
back AS (
    SELECT
        customer,
        metric,
        %(from_day)s::date AS day,
        -1 AS kafka_partition,  -- before the first partition of that day
        0::bigint AS events_since
    FROM with_rows
    UNION ALL
    SELECT
        back.customer,
        back.metric,
        before.day,
        before.kafka_partition,
        back.events_since + before.event_count
    FROM back
    CROSS JOIN LATERAL (
        SELECT
            present.day,
            present.kafka_partition,
            present.event_count
        FROM sma.series_days AS present
        WHERE present.customer = back.customer
            AND present.metric = back.metric
            AND present.kafka_partition = ANY(%(partitions)s)
            AND (present.day, present.kafka_partition) < (back.day, back.kafka_partition)
        ORDER BY present.day DESC, present.kafka_partition DESC
        LIMIT 1
    ) AS before
    WHERE back.events_since < %(event_count)s
)
SELECT DISTINCT day
FROM back
WHERE kafka_partition >= 0

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
