-- Statements of reconciliation_report: they add up the audit trail of some runs.

-- read_report --
WITH compared AS (
    SELECT
        coalesce(sum(windows_compared), 0)::bigint AS windows_compared,
        coalesce(sum(equal), 0)::bigint AS equal,
        coalesce(sum(changed), 0)::bigint AS changed,
        coalesce(sum(missing_in_stream), 0)::bigint AS missing_in_stream,
        coalesce(sum(extra_in_stream), 0)::bigint AS extra_in_stream,
        coalesce(sum(explained), 0)::bigint AS explained,
        coalesce(sum(unexplained), 0)::bigint AS unexplained,
        coalesce(sum(of_one_partition), 0)::bigint AS of_one_partition
    FROM sma.reconciliations
    WHERE run_id = ANY(%(run_ids)s)
),
newest AS (
    SELECT DISTINCT ON (kafka_partition) *
    FROM sma.accounting
    WHERE run_id = ANY(%(run_ids)s)
    ORDER BY kafka_partition, read_to DESC
),
accounted AS (
    SELECT
        coalesce(sum(records), 0)::bigint AS records,
        coalesce(sum(events_used + late_events), 0)::bigint AS events,
        coalesce(sum(late_events), 0)::bigint AS late_events,
        coalesce(sum(rejected_events), 0)::bigint AS rejected_events,
        coalesce(sum(heartbeats), 0)::bigint AS heartbeats,
        coalesce(
            sum(greatest(abs(records - events_used - late_events - rejected_events - heartbeats), mismatched)), 0
        )::bigint AS unaccounted,
        count(*) AS partitions
    FROM newest
)
SELECT
    events,
    late_events,
    rejected_events,
    windows_compared,
    equal,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained,
    records,
    heartbeats,
    unaccounted,
    (
        SELECT coalesce(sum(corrected.unexplained), 0)::bigint
        FROM sma.corrected_days AS corrected
        WHERE corrected.run_id = ANY(%(run_ids)s)
    ),
    of_one_partition,
    partitions
FROM compared
CROSS JOIN accounted

-- read_report_before --
-- as read_report, of the newest reconciliation of each day and average, and the runs that made them
WITH reconciled AS (
    SELECT DISTINCT ON (day, average) *
    FROM sma.reconciliations
    WHERE average = ANY(%(averages)s)
        AND (day >= %(start)s OR %(start)s::date IS NULL)
        AND (day <= %(end)s OR %(end)s::date IS NULL)
    ORDER BY day, average, reconciled_at DESC
),
newest AS (
    SELECT DISTINCT ON (kafka_partition) *
    FROM sma.accounting
    WHERE run_id IN (SELECT run_id FROM reconciled)
    ORDER BY kafka_partition, read_to DESC
),
accounted AS (
    SELECT
        coalesce(sum(records), 0)::bigint AS records,
        coalesce(sum(events_used + late_events), 0)::bigint AS events,
        coalesce(sum(late_events), 0)::bigint AS late_events,
        coalesce(sum(rejected_events), 0)::bigint AS rejected_events,
        coalesce(sum(heartbeats), 0)::bigint AS heartbeats,
        coalesce(
            sum(greatest(abs(records - events_used - late_events - rejected_events - heartbeats), mismatched)), 0
        )::bigint AS unaccounted
    FROM newest
)
SELECT
    min(accounted.events),
    min(accounted.late_events),
    min(accounted.rejected_events),
    sum(windows_compared)::bigint,
    sum(equal)::bigint,
    sum(changed)::bigint,
    sum(missing_in_stream)::bigint,
    sum(extra_in_stream)::bigint,
    sum(explained)::bigint,
    sum(unexplained)::bigint,
    min(accounted.records),
    min(accounted.heartbeats),
    min(accounted.unaccounted),
    0,
    sum(of_one_partition)::bigint,
    array_agg(DISTINCT run_id)
FROM reconciled
CROSS JOIN accounted
HAVING count(*) > 0

-- read_worst --
-- what is unexplained first, then the newest days; of these what is furthest off; no row counts as 0
SELECT
    customer,
    metric,
    average,
    as_of,
    is_explained
FROM sma.differences
WHERE run_id = ANY(%(run_ids)s)
    AND (customer = %(customer)s OR %(customer)s::text IS NULL)
ORDER BY
    is_explained,
    CASE WHEN is_explained THEN sma.day_of(as_of) END DESC,
    abs(coalesce(batch_value_sum, 0) - coalesce(stream_value_sum, 0)) DESC,
    customer,
    metric,
    average,
    as_of
LIMIT %(most)s

-- read_newest --
-- of the days that the runs reconciled, the last row of the series that was published last: the fewest records follow
-- its events in their partition. Events of a day may make rows on the next one only, so a few series are tried
WITH series_day AS (
    SELECT
        present.customer,
        present.metric,
        present.day,
        min(coalesce(indexed.next_offset, 0) - present.next_offset) AS records_after
    FROM sma.log_days AS held
    INNER JOIN sma.series_days AS present USING (day, kafka_partition)
    LEFT JOIN sma.indexed_partitions AS indexed USING (kafka_partition)
    WHERE held.day IN (
            SELECT day FROM sma.reconciliations WHERE run_id = ANY(%(run_ids)s) AND windows_compared > 0
        )
        AND (present.customer = %(customer)s OR %(customer)s::text IS NULL)
    GROUP BY present.customer, present.metric, present.day
    ORDER BY records_after, present.day DESC, present.customer, present.metric
    LIMIT 20
)
SELECT
    customer,
    metric,
    average,
    as_of
FROM series_day
CROSS JOIN LATERAL (
    SELECT
        average,
        as_of
    FROM sma.batch_averages AS computed
    WHERE computed.customer = series_day.customer
        AND computed.metric = series_day.metric
        AND computed.as_of >= series_day.day::timestamp AT TIME ZONE 'UTC'
        AND computed.as_of < (series_day.day + 1)::timestamp AT TIME ZONE 'UTC'
    ORDER BY as_of DESC, average
    LIMIT 1
) AS last_row
ORDER BY records_after, day DESC, customer, metric
LIMIT 1
