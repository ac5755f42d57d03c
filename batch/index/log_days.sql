-- Statements of log_days: they add what a pass has met of each day, and how far windows of N events reach from there.

-- add_days --
INSERT INTO sma.log_days AS held (
    kafka_partition,
    day,
    event_count,
    late_event_count,
    min_event_time_ms,
    max_event_time_ms,
    first_offset,
    next_offset,
    late_next_offset
)
SELECT
    %(partition)s,
    *
FROM unnest(
    %(days)s::date[],
    %(events)s::bigint[],
    %(late_events)s::bigint[],
    %(min_ms)s::bigint[],
    %(max_ms)s::bigint[],
    %(first_offsets)s::bigint[],
    %(next_offsets)s::bigint[],
    %(late_next_offsets)s::bigint[]
)
ON CONFLICT (day, kafka_partition) DO UPDATE
SET event_count = held.event_count + excluded.event_count,
    late_event_count = held.late_event_count + excluded.late_event_count,
    min_event_time_ms = least(held.min_event_time_ms, excluded.min_event_time_ms),
    max_event_time_ms = greatest(held.max_event_time_ms, excluded.max_event_time_ms),
    first_offset = least(held.first_offset, excluded.first_offset),
    next_offset = greatest(held.next_offset, excluded.next_offset),
    late_next_offset = greatest(held.late_next_offset, excluded.late_next_offset)

-- add_reach --
-- From an event, windows of the last N events reach to the last day of its series that fewer than N events separate
-- from its own. Of a series that is in order, no later day is there yet, and one step of an index finds that.
WITH reach AS (
    SELECT max(window_events) AS event_count
    FROM sma.averages
),
reached AS (
    SELECT
        gained.day,
        later.last_day,
        max(gained.next_offset) AS next_offset,
        max(gained.late_next_offset) AS late_next_offset
    FROM unnest(
        %(customers)s::text[],
        %(metrics)s::text[],
        %(days)s::date[],
        %(next_offsets)s::bigint[],
        %(late_next_offsets)s::bigint[]
    ) AS gained (customer, metric, day, next_offset, late_next_offset)
    CROSS JOIN reach
    CROSS JOIN LATERAL (
        SELECT max(between_days.day) AS last_day
        FROM (
            SELECT
                nearest.day,
                sum(nearest.event_count) OVER (ORDER BY nearest.day) - nearest.event_count AS events_between
            FROM (
                SELECT
                    held.day,
                    held.event_count + held.late_event_count AS event_count
                FROM sma.series_days AS held
                WHERE held.customer = gained.customer
                    AND held.metric = gained.metric
                    AND held.kafka_partition = %(partition)s
                    AND held.day > gained.day
                ORDER BY held.day
                LIMIT reach.event_count
            ) AS nearest
        ) AS between_days
        WHERE between_days.events_between < reach.event_count
    ) AS later
    WHERE reach.event_count IS NOT NULL
        AND later.last_day IS NOT NULL
    GROUP BY gained.day, later.last_day
)
UPDATE sma.log_days AS held
SET reaching_offset = greatest(held.reaching_offset, newest.next_offset),
    late_reaching_offset = greatest(held.late_reaching_offset, newest.late_next_offset),
    -- as long as a result waits for the late events of before, it has waited since then
    late_reaching_since = CASE
        WHEN newest.late_next_offset <= held.late_reaching_offset THEN held.late_reaching_since
        WHEN EXISTS (
            SELECT
            FROM sma.batch_days AS result
            WHERE result.day = held.day
                AND (result.read_to ->> held.kafka_partition::text)::bigint >= held.late_reaching_offset
        )
            THEN now()
        ELSE coalesce(held.late_reaching_since, now())
    END
FROM (
    SELECT
        later.day,
        max(reached.next_offset) AS next_offset,
        max(reached.late_next_offset) AS late_next_offset
    FROM reached
    INNER JOIN sma.log_days AS later
        ON later.kafka_partition = %(partition)s
        AND later.day > reached.day
        AND later.day <= reached.last_day
    GROUP BY later.day
) AS newest
WHERE held.kafka_partition = %(partition)s
    AND held.day = newest.day
