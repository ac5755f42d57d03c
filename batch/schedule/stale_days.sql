-- Statement of stale_days: it selects the stale days of one average, and since when late events wait for each.

-- read_stale_days --
-- `log_range`: a range of the log, and the days whose rows it can change: those that its events make (first_day to
-- made_day) and, where a window holds the last N events, those until N newer events of the series exist (last_day). It
-- is a late event, or a block of other events. The last block of a partition grows, so a block that ends after the
-- offsets of a result may hold nothing new for a day: `gained` has the days with new events.
WITH event_day AS MATERIALIZED (
    SELECT
        kafka_partition,
        customer,
        metric,
        day,
        sum(event_count + late_event_count)::bigint AS event_count,
        max(next_offset) AS next_offset
    FROM sma.event_days
    GROUP BY kafka_partition, customer, metric, day
),
following AS (
    SELECT
        kafka_partition,
        customer,
        metric,
        day,
        coalesce(lead(day) OVER series, day) AS next_day,
        (sum(event_count) OVER series)::bigint AS events_through
    FROM event_day
    WHERE %(window_events)s::bigint > 0
    WINDOW series AS (PARTITION BY kafka_partition, customer, metric ORDER BY day)
),
lookback AS (
    SELECT
        kafka_partition,
        customer,
        metric,
        day,
        max(next_day) OVER (
            PARTITION BY kafka_partition, customer, metric
            ORDER BY events_through
            RANGE BETWEEN CURRENT ROW AND greatest(%(window_events)s::bigint - 1, 0) FOLLOWING
        ) + %(every_days)s::integer AS last_day
    FROM following
),
furthest AS MATERIALIZED (
    SELECT
        kafka_partition,
        day,
        max(last_day) AS last_day
    FROM lookback
    GROUP BY kafka_partition, day
),
block AS (
    SELECT
        kafka_partition,
        max(next_offset) AS next_offset,
        oldest_day,
        newest_day,
        first_day,
        made_day
    FROM (
        SELECT
            kafka_partition,
            next_offset,
            sma.grid_point_after(min_event_time_ms, %(every_ms)s, %(offset_ms)s) AS first_as_of_ms,
            sma.day_of_ms(min_event_time_ms) AS oldest_day,
            sma.day_of_ms(max_event_time_ms) AS newest_day,
            sma.day_of_ms(sma.grid_point_after(min_event_time_ms, %(every_ms)s, %(offset_ms)s)) AS first_day,
            sma.day_of_ms(
                sma.last_grid_point(max_event_time_ms, %(every_ms)s, %(offset_ms)s, %(length_ms)s)
            ) AS made_day
        FROM sma.offset_blocks
        WHERE event_count > 0
    ) AS placed
    WHERE first_as_of_ms <= %(low_watermark_ms)s
    GROUP BY kafka_partition, oldest_day, newest_day, first_day, made_day
),
late AS (
    SELECT
        kafka_partition,
        max(kafka_offset) + 1 AS next_offset,
        first_day,
        made_day,
        last_day,
        indexed_at AS late_since
    FROM (
        SELECT
            late_event.kafka_partition,
            late_event.kafka_offset,
            late_event.indexed_at,
            sma.grid_point_after(event_time_ms, %(every_ms)s, %(offset_ms)s) AS first_as_of_ms,
            sma.day_of_ms(sma.grid_point_after(event_time_ms, %(every_ms)s, %(offset_ms)s)) AS first_day,
            sma.day_of_ms(sma.last_grid_point(event_time_ms, %(every_ms)s, %(offset_ms)s, %(length_ms)s)) AS made_day,
            lookback.last_day
        FROM sma.late_events AS late_event
        LEFT JOIN lookback
            ON lookback.kafka_partition = late_event.kafka_partition
            AND lookback.customer = late_event.customer
            AND lookback.metric = late_event.metric
            AND lookback.day = sma.day_of_ms(late_event.event_time_ms)
    ) AS placed
    WHERE first_as_of_ms <= %(low_watermark_ms)s
    GROUP BY kafka_partition, first_day, made_day, last_day, indexed_at
),
log_range AS MATERIALIZED (
    SELECT
        kafka_partition,
        next_offset,
        first_day,
        made_day,
        greatest(
            made_day,
            (
                SELECT max(furthest.last_day)
                FROM furthest
                WHERE furthest.kafka_partition = block.kafka_partition
                    AND furthest.day BETWEEN block.oldest_day AND block.newest_day
            )
        ) AS last_day,
        NULL::timestamptz AS late_since
    FROM block
    UNION ALL
    SELECT
        kafka_partition,
        next_offset,
        first_day,
        made_day,
        greatest(made_day, last_day),
        late_since
    FROM late
),
gained AS MATERIALIZED (
    SELECT
        event_day.kafka_partition,
        event_day.day,
        event_day.next_offset,
        greatest(event_day.day + %(owned_days)s::integer, max(lookback.last_day)) AS last_day
    FROM event_day
    LEFT JOIN lookback USING (kafka_partition, customer, metric, day)
    GROUP BY event_day.kafka_partition, event_day.day, event_day.next_offset
),
owner AS MATERIALIZED (
    SELECT DISTINCT owned::date AS day
    FROM (SELECT DISTINCT day FROM event_day) AS days
    CROSS JOIN LATERAL generate_series(
        days.day::timestamp, days.day + %(owned_days)s::integer * INTERVAL '1 day', INTERVAL '1 day'
    ) AS owned
    -- with a closed grid point
    WHERE sma.grid_point_after(sma.day_start_ms(owned::date) - 1, %(every_ms)s, %(offset_ms)s)
        <= least(sma.day_start_ms(owned::date + 1) - 1, %(low_watermark_ms)s)
),
settled AS MATERIALIZED (
    SELECT
        owner.day,
        result.read_to,
        result.written_at,
        coalesce(result.max_ahead_ms <> %(max_ahead_ms)s, false) AS has_other_rules,
        sma.grid_point_after(
            least(sma.epoch_ms(result.low_watermark), day_end.last_ms), %(every_ms)s, %(offset_ms)s
        ) AS closed_then,
        sma.grid_point_after(least(%(low_watermark_ms)s, day_end.last_ms), %(every_ms)s, %(offset_ms)s) AS closed_now,
        -- or in a partition that lagged when the result was computed
        EXISTS (
            SELECT
            FROM jsonb_each(result.lagging) AS lagging (kafka_partition, closed_ms)
            WHERE sma.grid_point_after(
                    least((%(closed_ms)s::jsonb ->> lagging.kafka_partition)::bigint, day_end.last_ms),
                    %(every_ms)s,
                    %(offset_ms)s
                ) > sma.grid_point_after(least(lagging.closed_ms::bigint, day_end.last_ms), %(every_ms)s, %(offset_ms)s)
        ) AS has_caught_up,
        (
            SELECT max(reconciled_at)
            FROM sma.reconciliations AS reconciliation
            WHERE reconciliation.day = owner.day
                AND reconciliation.average = %(average)s
        ) AS reconciled_at
    FROM owner
    CROSS JOIN LATERAL (
        SELECT sma.day_start_ms(owner.day + 1) - 1 AS last_ms
    ) AS day_end
    LEFT JOIN sma.batch_days AS result
        ON result.day = owner.day
        AND result.average = %(average)s
)
SELECT
    day,
    written_at IS NULL AS has_no_result,
    coalesce(closed_now > closed_then, false) OR has_caught_up AS more_is_closed,
    written_at IS NOT NULL AND bool_or(is_new) AS more_in_the_log,
    written_at IS NOT NULL AND coalesce(reconciled_at < written_at, true) AS not_reconciled,
    has_other_rules,
    min(late_since) AS late_since
FROM (
    SELECT
        settled.*,
        log_range.kafka_partition,
        bool_or(settled.day <= log_range.made_day) AS is_made,
        bool_or(log_range.next_offset > computed.read_to AND log_range.late_since IS NOT NULL)
            OR (
                bool_or(log_range.next_offset > computed.read_to)
                AND EXISTS (
                    SELECT
                    FROM gained
                    WHERE gained.kafka_partition = log_range.kafka_partition
                        AND gained.next_offset > computed.read_to
                        AND settled.day BETWEEN gained.day AND gained.last_day
                )
            ) AS is_new,
        min(log_range.late_since) FILTER (WHERE log_range.next_offset > computed.read_to) AS late_since
    FROM settled
    INNER JOIN log_range ON settled.day BETWEEN log_range.first_day AND log_range.last_day
    CROSS JOIN LATERAL (
        SELECT coalesce((settled.read_to ->> log_range.kafka_partition::text)::bigint, 0) AS read_to
    ) AS computed
    GROUP BY
        settled.day,
        settled.read_to,
        settled.written_at,
        settled.has_other_rules,
        settled.closed_then,
        settled.closed_now,
        settled.has_caught_up,
        settled.reconciled_at,
        log_range.kafka_partition,
        computed.read_to
) AS touched
GROUP BY day, written_at, has_other_rules, closed_then, closed_now, has_caught_up, reconciled_at
HAVING bool_or(is_made)
    AND (
        written_at IS NULL
        OR closed_now > closed_then
        OR has_caught_up
        OR has_other_rules
        OR bool_or(is_new)
        OR coalesce(reconciled_at < written_at, true)
    )
