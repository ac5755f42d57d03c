-- What do readers see? The batch answer where there is one, else what the stream said. Where the batch layer computed
-- a day, its silence is an answer too: a row that the stream alone has there is not shown. A window is full unless it is
-- one of N events and holds fewer.

-- Where does the stream's word stand, since there is no batch answer? Spans of as_of, from_time included and until_time
-- not: few, as answered days that touch are one gap less. A function with ROWS, so that the planner begins with these
-- spans and looks up the stream's rows by index, instead of reading them all to throw most away; of its owner's, since
-- readers may not read sma.batch_days.
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
    coalesce(answered.reconciled_at >= batch.written_at, false) AS is_final
FROM sma.batch_averages AS batch
LEFT JOIN (
    -- all that a row of a day and average is asked for, so that each row is looked up once; grouped by no more than the
    -- two, so that the planner knows of one match at most, and leaves the look-up out where nobody reads what it gives
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
LEFT JOIN sma.averages AS definition ON definition.name = stream.average;

GRANT SELECT ON serving.moving_averages TO sma_serving, sma_reader;
