-- Statement of required_offsets: it selects, in each partition, the first Kafka offset that days require.

-- read_required_offsets --
-- It takes whole days, as batch.windows.day_plan does, so no offset is after the first one of a plan. Late events are
-- in the index and are not read again.
WITH counted AS (
    SELECT
        kafka_partition,
        customer,
        metric,
        day,
        coalesce(lead(day) OVER series, day) AS next_day,
        (sum(event_count) OVER series)::bigint AS events_through
    FROM (
        SELECT
            kafka_partition,
            customer,
            metric,
            day,
            sum(event_count) AS event_count
        FROM sma.event_days
        GROUP BY kafka_partition, customer, metric, day
    ) AS by_day
    WHERE %(window_events)s::bigint > 0
    WINDOW series AS (PARTITION BY kafka_partition, customer, metric ORDER BY day)
),
-- the last day on which one of the last N events of a series may be of this day
lookback AS MATERIALIZED (
    SELECT
        kafka_partition,
        day,
        max(last_day) AS last_day
    FROM (
        SELECT
            kafka_partition,
            day,
            max(next_day) OVER (
                PARTITION BY kafka_partition, customer, metric
                ORDER BY events_through
                RANGE BETWEEN CURRENT ROW AND greatest(%(window_events)s::bigint - 1, 0) FOLLOWING
            ) AS last_day
        FROM counted
    ) AS by_series
    GROUP BY kafka_partition, day
),
block AS MATERIALIZED (
    SELECT
        kafka_partition,
        first_offset,
        oldest_day,
        %(lookback_days)s::integer + greatest(
            newest_day,
            (
                SELECT max(lookback.last_day)
                FROM lookback
                WHERE lookback.kafka_partition = placed.kafka_partition
                    AND lookback.day BETWEEN placed.oldest_day AND placed.newest_day
            )
        ) AS required_until
    FROM (
        SELECT
            kafka_partition,
            min(first_offset) AS first_offset,
            sma.day_of_ms(min_event_time_ms) AS oldest_day,
            sma.day_of_ms(max_event_time_ms) AS newest_day
        FROM sma.offset_blocks
        WHERE event_count > 0
        GROUP BY 1, 3, 4
    ) AS placed
)
SELECT
    required.day,
    kafka_partition,
    min(first_offset)
FROM unnest(%(days)s::date[]) AS required (day)
INNER JOIN block ON required.day BETWEEN block.oldest_day AND block.required_until
GROUP BY required.day, kafka_partition
