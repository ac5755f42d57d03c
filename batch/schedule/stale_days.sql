-- Statement of stale_days: it selects the stale days of one average, and since when late events wait for each.

-- read_stale_days --
-- Reads a row for each day and partition, and not what the log has of each series. Where events of a day came after its
-- result, the blocks and late events since then tell whether any is in a window of the day: the last windows of a day
-- end before it does.
WITH settled AS MATERIALIZED (
    SELECT
        owner.day,
        result.read_to,
        result.written_at,
        coalesce(result.max_ahead_ms <> %(max_ahead_ms)s, false) AS has_other_rules,
        sma.grid_point_after(
            least(sma.epoch_ms(result.low_watermark), day_end.last_ms), %(every_ms)s, %(offset_ms)s
        ) AS closed_then,
        day_end.closed_now,
        -- an event of this time is in a closed window of the day
        day_end.first_ms - %(length_ms)s AS from_ms,
        day_end.closed_now - %(every_ms)s AS until_ms,
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
    FROM unnest(%(owner_days)s::date[]) AS owner (day)
    CROSS JOIN LATERAL (
        SELECT
            sma.day_start_ms(owner.day + 1) - 1 AS last_ms,
            sma.grid_point_after(sma.day_start_ms(owner.day) - 1, %(every_ms)s, %(offset_ms)s) AS first_ms,
            sma.grid_point_after(
                least(%(low_watermark_ms)s, sma.day_start_ms(owner.day + 1) - 1), %(every_ms)s, %(offset_ms)s
            ) AS closed_now
    ) AS day_end
    LEFT JOIN sma.batch_days AS result
        ON result.day = owner.day
        AND result.average = %(average)s
),
newer AS MATERIALIZED (
    SELECT
        settled.day,
        settled.from_ms,
        settled.until_ms,
        held.kafka_partition,
        held.read_to,
        held.next_offset,
        held.late_next_offset,
        held.is_reached,
        held.late_reaching_since
    FROM settled
    CROSS JOIN LATERAL (
        SELECT
            log_day.kafka_partition,
            result.read_to,
            max(log_day.next_offset) AS next_offset,
            max(log_day.late_next_offset) AS late_next_offset,
            bool_or(
                %(window_events)s::bigint > 0
                AND greatest(log_day.reaching_offset, log_day.late_reaching_offset) > result.read_to
            ) AS is_reached,
            min(log_day.late_reaching_since) FILTER (
                WHERE %(window_events)s::bigint > 0
                    AND log_day.late_reaching_offset > result.read_to
            ) AS late_reaching_since
        FROM sma.log_days AS log_day
        CROSS JOIN LATERAL (
            SELECT coalesce((settled.read_to ->> log_day.kafka_partition::text)::bigint, 0) AS read_to
        ) AS result
        WHERE log_day.day BETWEEN sma.day_of_ms(settled.from_ms) AND sma.day_of_ms(settled.until_ms - 1)
        GROUP BY log_day.kafka_partition, result.read_to
    ) AS held
    WHERE held.read_to < greatest(held.next_offset, held.late_next_offset)
        OR held.is_reached
),
touched AS MATERIALIZED (
    SELECT
        newer.day,
        newer.is_reached
        OR late.since IS NOT NULL
        OR (
            newer.next_offset > newer.read_to
            -- the newest first, which is it, but for the events after the last window of the day
            AND coalesce(
                (
                    SELECT true
                    FROM sma.offset_blocks AS block
                    WHERE block.kafka_partition = newer.kafka_partition
                        AND block.first_offset < newer.next_offset
                        AND block.next_offset > newer.read_to
                        AND block.max_event_time_ms >= newer.from_ms
                        AND block.min_event_time_ms < newer.until_ms
                        AND block.first_offset >= (
                            SELECT coalesce(max(first_offset), 0)
                            FROM sma.offset_blocks AS before
                            WHERE before.kafka_partition = newer.kafka_partition
                                AND before.first_offset <= newer.read_to
                        )
                    ORDER BY block.first_offset DESC
                    LIMIT 1
                ),
                false
            )
        ) AS is_new,
        least(late.since, newer.late_reaching_since) AS late_since
    FROM newer
    LEFT JOIN LATERAL (
        SELECT min(indexed_at) AS since
        FROM sma.late_events AS late_event
        WHERE newer.late_next_offset > newer.read_to
            AND late_event.kafka_partition = newer.kafka_partition
            AND late_event.kafka_offset >= newer.read_to
            AND late_event.event_time_ms >= newer.from_ms
            AND late_event.event_time_ms < newer.until_ms
    ) AS late ON true
)
SELECT
    settled.day,
    settled.written_at IS NULL AS has_no_result,
    coalesce(settled.closed_now > settled.closed_then, false) OR settled.has_caught_up AS more_is_closed,
    settled.written_at IS NOT NULL AND coalesce(log.is_new, false) AS more_in_the_log,
    settled.written_at IS NOT NULL AND coalesce(settled.reconciled_at < settled.written_at, true) AS not_reconciled,
    settled.has_other_rules,
    log.late_since
FROM settled
LEFT JOIN (
    SELECT
        day,
        bool_or(is_new) AS is_new,
        min(late_since) AS late_since
    FROM touched
    GROUP BY day
) AS log ON log.day = settled.day
WHERE settled.written_at IS NULL
    OR settled.closed_now > settled.closed_then
    OR settled.has_caught_up
    OR settled.has_other_rules
    OR log.is_new
    OR coalesce(settled.reconciled_at < settled.written_at, true)
