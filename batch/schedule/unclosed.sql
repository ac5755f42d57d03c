-- Statements of unclosed: they count the events that no closed window contains, and describe partitions.

-- count_by_day --
SELECT
    day,
    sum(event_count + late_event_count)::bigint
FROM sma.log_days
WHERE day > %(last_closed_day)s
GROUP BY day
ORDER BY day

-- count_of_customer_by_day --
SELECT
    day,
    sum(event_count + late_event_count)::bigint
FROM sma.series_days
WHERE customer = %(customer)s
    AND day > %(last_closed_day)s
GROUP BY day
ORDER BY day

-- count_on_day --
-- Of the day in which the low watermark is, at least so many events are in no closed window: of a block that began
-- before, one at least; of a block that goes on after the day, perhaps none.
SELECT
    coalesce(sum(CASE WHEN NOT ends_in_day THEN 0 WHEN begins_after THEN event_count ELSE 1 END), 0)::bigint,
    coalesce(bool_and(begins_after AND ends_in_day), true),
    (
        SELECT count(*)
        FROM sma.late_events
        WHERE event_time_ms >= %(from_ms)s
            AND event_time_ms < %(until_ms)s
            AND (customer = %(customer)s OR %(customer)s::text IS NULL)
    )
FROM (
    SELECT
        block.event_count,
        block.min_event_time_ms >= %(from_ms)s AS begins_after,
        block.max_event_time_ms < %(until_ms)s AS ends_in_day
    FROM sma.log_days AS held
    INNER JOIN sma.offset_blocks AS block
        ON block.kafka_partition = held.kafka_partition
        AND block.first_offset >= held.first_offset
        AND block.first_offset < held.next_offset
    WHERE held.day = %(day)s
        AND held.event_count > 0
        AND block.event_count > 0
        AND block.max_event_time_ms >= %(from_ms)s
        AND block.min_event_time_ms < %(until_ms)s
) AS block

-- read_behind --
-- the newest event of each partition that no window closed there contains
SELECT
    closed.kafka_partition,
    sma.day_of_ms(max(held.max_event_time_ms))
FROM unnest(%(partitions)s::integer[], %(closed_ms)s::bigint[]) AS closed (kafka_partition, closed_ms)
INNER JOIN sma.log_days AS held USING (kafka_partition)
WHERE held.max_event_time_ms >= closed.closed_ms
    AND (
        %(customer)s::text IS NULL
        OR EXISTS (
            SELECT
            FROM sma.indexed_series AS series
            WHERE series.kafka_partition = closed.kafka_partition
                AND series.customer = %(customer)s
        )
    )
GROUP BY closed.kafka_partition

-- read_newest --
SELECT
    kafka_partition,
    indexed_at,
    customer,
    metric
FROM sma.indexed_partitions
LEFT JOIN LATERAL (
    SELECT
        customer,
        metric
    FROM sma.indexed_series
    WHERE indexed_series.kafka_partition = indexed_partitions.kafka_partition
    ORDER BY max_log_time_ms DESC, customer, metric
    LIMIT 1
) AS newest ON true
WHERE kafka_partition = ANY(%(partitions)s)
