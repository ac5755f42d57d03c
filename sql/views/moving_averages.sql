-- View that readers select from: the batch result where the batch layer has computed the day, else the row that the
-- stream emitted. Where the batch layer computed a day and has no row, a row that only the stream has is not shown. A
-- row of a former generation is not shown either. A window is full unless it is one of N events and holds fewer. A row
-- is final if its day has been reconciled since it was written, and nothing marks it as unsettled.

-- Spans of as_of for which there is no batch result, so the stream's rows are served; from_time is included, until_time
-- is not. There are few of them, since computed days that touch leave no gap. It is a function with ROWS, so that the
-- planner begins with these spans and looks up the stream's rows by index, instead of reading all rows and discarding
-- most. It runs with its owner's rights, since readers may not read sma.batch_days.
CREATE OR REPLACE FUNCTION sma.open_spans()
RETURNS TABLE (average text, from_time timestamptz, until_time timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH answered AS (
        SELECT
            computed.average,
            range_agg(
                tstzrange(
                    computed.day::timestamp AT TIME ZONE INTERVAL '0',
                    least(
                        (computed.day + 1)::timestamp AT TIME ZONE INTERVAL '0',
                        computed.low_watermark + INTERVAL '1 microsecond'
                    )
                )
            ) AS times
        FROM sma.batch_days AS computed
        WHERE computed.low_watermark >= computed.day::timestamp AT TIME ZONE INTERVAL '0'
        GROUP BY computed.average
    )
    SELECT
        definition.name,
        coalesce(lower(span), '-infinity'),
        coalesce(upper(span), 'infinity')
    FROM sma.averages AS definition
    LEFT JOIN answered ON answered.average = definition.name
    CROSS JOIN LATERAL unnest('{(,)}'::tstzmultirange - coalesce(answered.times, '{}')) AS span;
END;

CREATE OR REPLACE VIEW serving.moving_averages AS
SELECT
    batch.customer,
    batch.metric,
    batch.average,
    batch.as_of,
    batch.value_sum,
    batch.event_count,
    coalesce(batch.event_count >= answered.window_events, answered.average IS NOT NULL) AS is_full,
    serving.average(batch.value_sum, batch.event_count) AS sma,
    'batch' AS source,
    coalesce(answered.reconciled_at >= batch.written_at, false)
    AND NOT coalesce(unsettled.times @> batch.as_of, false) AS is_final
FROM sma.batch_averages AS batch
LEFT JOIN (
    -- all columns that a row of a day and average needs, so that each row is looked up once; grouped by these two
    -- alone, so that the planner knows of at most one match, and omits the join where no query uses its columns
    SELECT
        computed.day,
        computed.average,
        min(definition.window_events) AS window_events,
        max(reconciliation.reconciled_at) AS reconciled_at
    FROM sma.batch_days AS computed
    LEFT JOIN sma.averages AS definition ON definition.name = computed.average
    LEFT JOIN sma.reconciliations AS reconciliation
        ON reconciliation.day = computed.day AND reconciliation.average = computed.average
    GROUP BY computed.day, computed.average
) AS answered ON answered.day = sma.day_of(batch.as_of) AND answered.average = batch.average
LEFT JOIN (
    -- grouped, as above, so that there is one match at most: a few series, hashed once, or looked up for a single one
    SELECT
        customer,
        metric,
        range_agg(tstzrange(from_time, until_time)) AS times
    FROM sma.unsettled
    GROUP BY customer, metric
) AS unsettled ON unsettled.customer = batch.customer AND unsettled.metric = batch.metric
UNION ALL
SELECT
    stream.customer,
    stream.metric,
    stream.average,
    stream.as_of,
    stream.value_sum,
    stream.event_count,
    coalesce(stream.event_count >= definition.window_events, true) AS is_full,
    serving.average(stream.value_sum, stream.event_count) AS sma,
    'stream' AS source,
    false AS is_final
FROM sma.open_spans() AS open
JOIN sma.streaming_averages AS stream
    ON stream.average = open.average
    AND stream.as_of >= open.from_time
    AND stream.as_of < open.until_time
    AND stream.generation = (SELECT sma.present_generation())
LEFT JOIN sma.averages AS definition ON definition.name = stream.average;

GRANT SELECT ON serving.moving_averages TO sma_serving, sma_reader;
