-- Statement of required_offsets: it selects, in each partition, the first Kafka offset that days require.

-- read_required_offsets --
-- It takes whole days, as batch.windows.day_plan does, so no offset is after the first one of a plan. Late events are
-- in the index and are not read again. A series that has an event near a day is followed back until N events are there.
WITH RECURSIVE near AS MATERIALIZED (
    SELECT
        required.day AS required_day,
        held.kafka_partition,
        held.day
    FROM unnest(%(days)s::date[]) AS required (day)
    INNER JOIN sma.log_days AS held ON held.day BETWEEN required.day - %(lookback_days)s::integer AND required.day
),
back AS (
    SELECT
        near.required_day,
        near.kafka_partition,
        present.customer,
        present.metric,
        min(present.day) AS day,
        0::bigint AS events_between
    FROM near
    INNER JOIN sma.series_days AS present USING (kafka_partition, day)
    WHERE %(window_events)s::bigint > 0
    GROUP BY near.required_day, near.kafka_partition, present.customer, present.metric
    UNION ALL
    SELECT
        back.required_day,
        back.kafka_partition,
        back.customer,
        back.metric,
        before.day,
        back.events_between + before.event_count
    FROM back
    CROSS JOIN LATERAL (
        SELECT
            day,
            event_count
        FROM sma.series_days AS present
        WHERE present.customer = back.customer
            AND present.metric = back.metric
            AND present.kafka_partition = back.kafka_partition
            AND present.day < back.day
        ORDER BY present.day DESC
        LIMIT 1
    ) AS before
    WHERE back.events_between < %(window_events)s::bigint
)
SELECT
    required.required_day,
    required.kafka_partition,
    min(held.first_offset)
FROM (
    SELECT
        required_day,
        kafka_partition,
        day
    FROM near
    UNION
    SELECT
        required_day,
        kafka_partition,
        day
    FROM back
) AS required
INNER JOIN sma.log_days AS held USING (kafka_partition, day)
WHERE held.first_offset IS NOT NULL
GROUP BY required.required_day, required.kafka_partition
