-- Statements of split_marks: they record the series that have events in more than one partition, and mark their rows.

-- take_turns --
SELECT pg_advisory_xact_lock(hashtext('sma.split_series'), 0)

-- has_split --
SELECT EXISTS (SELECT FROM sma.split_series)

-- extend_split --
UPDATE sma.split_series AS split
SET first_day = least(split.first_day, met.first_day),
    last_day = greatest(split.last_day, met.last_day),
    indexed_at = clock_timestamp()
FROM
    unnest(%(customers)s::text[], %(metrics)s::text[], %(first_days)s::date[], %(last_days)s::date[])
    AS met (customer, metric, first_day, last_day)
WHERE split.kafka_partition = %(partition)s
    AND split.customer = met.customer
    AND split.metric = met.metric
RETURNING
    split.customer,
    split.metric

-- find_split --
SELECT
    met.customer,
    met.metric
FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS met (customer, metric)
WHERE EXISTS (
        SELECT
        FROM sma.indexed_series AS indexed
        WHERE indexed.customer = met.customer
            AND indexed.metric = met.metric
            AND indexed.kafka_partition <> %(partition)s
    )

-- add_split --
INSERT INTO sma.split_series (customer, metric, kafka_partition, first_offset, first_day, last_day)
SELECT
    indexed.customer,
    indexed.metric,
    indexed.kafka_partition,
    indexed.first_offset,
    min(held.day),
    max(held.day)
FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS met (customer, metric)
INNER JOIN sma.indexed_series AS indexed USING (customer, metric)
INNER JOIN sma.series_days AS held USING (customer, metric, kafka_partition)
GROUP BY indexed.customer, indexed.metric, indexed.kafka_partition, indexed.first_offset
ON CONFLICT DO NOTHING

-- mark_rows --
-- Before the day on which a second partition has its first event, all events are of one. After the last day on which
-- a second one has an event, all are of one again: from there on, rows are final whose windows reach back no further.
-- That is known of a duration; N events are there at the end of the first day that brings their number to N. Those days
-- are counted only until they are found: `basis` tells whether the times found before are still right.
WITH reach AS (
    SELECT
        coalesce(max(window_ms), 0) AS window_ms,
        coalesce(max(window_events), 0) AS window_events
    FROM sma.averages
),
ranked AS (
    SELECT
        split.customer,
        split.metric,
        split.first_day,
        split.last_day,
        row_number() OVER (same_series ORDER BY split.first_day) AS by_first,
        row_number() OVER (same_series ORDER BY split.last_day DESC) AS by_last
    FROM (
        SELECT DISTINCT
            customer,
            metric
        FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS met (customer, metric)
    ) AS wanted
    INNER JOIN sma.split_series AS split USING (customer, metric)
    WINDOW same_series AS (PARTITION BY split.customer, split.metric)
),
shared AS (
    SELECT
        customer,
        metric,
        min(first_day) FILTER (WHERE by_first = 2) AS from_day,
        min(last_day) FILTER (WHERE by_last = 2) + 1 AS alone_day,
        max(last_day) AS last_day
    FROM ranked
    GROUP BY customer, metric
),
wanted AS (
    SELECT
        shared.customer,
        shared.metric,
        shared.from_day,
        shared.alone_day,
        shared.last_day,
        reach.window_ms,
        reach.window_events,
        concat_ws(' ', shared.from_day, shared.alone_day, reach.window_ms, reach.window_events) AS basis
    FROM shared
    CROSS JOIN reach
),
changed AS (
    SELECT wanted.*
    FROM wanted
    LEFT JOIN sma.unsettled AS marked
        ON marked.customer = wanted.customer
        AND marked.metric = wanted.metric
        AND marked.reason = 'two_partitions'
    WHERE (marked.basis IS DISTINCT FROM wanted.basis OR marked.until_time = 'infinity')
),
timed AS (
    SELECT
        changed.customer,
        changed.metric,
        changed.basis,
        changed.from_day::timestamp AT TIME ZONE INTERVAL '0' AS from_time,
        greatest(
            changed.alone_day::timestamp AT TIME ZONE INTERVAL '0' + changed.window_ms * INTERVAL '1 millisecond',
            CASE
                WHEN changed.window_events > 0
                    THEN coalesce((counted.day + 1)::timestamp AT TIME ZONE INTERVAL '0', 'infinity')
            END
        ) AS until_time
    FROM changed
    LEFT JOIN LATERAL (
        SELECT min(running.day) AS day
        FROM (
            SELECT
                held.day,
                sum(sum(held.event_count)) OVER (ORDER BY held.day) AS events
            FROM sma.split_series AS split
            CROSS JOIN LATERAL generate_series(
                changed.alone_day::timestamp,
                changed.last_day::timestamp,
                INTERVAL '1 day'
            ) AS later_day
            INNER JOIN sma.series_days AS held
                ON held.kafka_partition = split.kafka_partition
                AND held.day = later_day::date
                AND held.customer = split.customer
                AND held.metric = split.metric
            WHERE split.customer = changed.customer
                AND split.metric = changed.metric
                AND split.last_day >= changed.alone_day
            GROUP BY held.day
        ) AS running
        WHERE running.events >= changed.window_events
    ) AS counted ON changed.window_events > 0
),
removed AS (
    DELETE FROM sma.unsettled AS marked
    USING timed
    WHERE marked.customer = timed.customer
        AND marked.metric = timed.metric
        AND marked.reason = 'two_partitions'
        AND timed.from_time >= timed.until_time
)
INSERT INTO sma.unsettled (customer, metric, reason, from_time, until_time, basis)
SELECT
    customer,
    metric,
    'two_partitions',
    from_time,
    until_time,
    basis
FROM timed
WHERE from_time < until_time
ON CONFLICT (customer, metric, reason) DO UPDATE
SET from_time = excluded.from_time,
    until_time = excluded.until_time,
    basis = excluded.basis

-- find_stale_marks --
-- a basis ends with how far windows reach back
SELECT DISTINCT
    split.customer,
    split.metric
FROM sma.split_series AS split
LEFT JOIN sma.unsettled AS marked
    ON marked.customer = split.customer
    AND marked.metric = split.metric
    AND marked.reason = 'two_partitions'
WHERE marked.basis IS NULL
    OR NOT marked.basis LIKE (
        SELECT '%% ' || coalesce(max(window_ms), 0) || ' ' || coalesce(max(window_events), 0)
        FROM sma.averages
    )

-- remove_marks --
-- of series that are not split any more, as where the index was made again by other rules
DELETE FROM sma.unsettled AS marked
WHERE marked.reason = 'two_partitions'
    AND NOT EXISTS (
        SELECT
        FROM sma.split_series AS split
        WHERE split.customer = marked.customer AND split.metric = marked.metric
    )
