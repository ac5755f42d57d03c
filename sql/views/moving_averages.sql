-- What do readers see? The batch answer where there is one, else what the stream said. Where the batch layer computed
-- a day, its silence is an answer too: a row that the stream alone has there is not shown. A window is full unless it is
-- one of N events and holds fewer.

-- The one place where a sum is divided: the exact quotient, rounded half away from zero to 9 decimals. In whole
-- numbers, since numeric division keeps only as many decimals as give 16 significant digits.
CREATE OR REPLACE FUNCTION serving.average(value_sum numeric, event_count bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sign(value_sum) * div(abs(value_sum) * 2000000000 + event_count, 2 * event_count) * 0.000000001;

CREATE OR REPLACE VIEW serving.moving_averages AS
SELECT
    batch.customer,
    batch.metric,
    batch.average,
    batch.as_of,
    batch.value_sum,
    batch.event_count,
    coalesce(batch.event_count >= definition.window_events, true) AS is_full,
    serving.average(batch.value_sum, batch.event_count) AS sma,
    'batch' AS source,
    EXISTS (
        SELECT
        FROM sma.reconciliations AS reconciliation
        WHERE reconciliation.day = (batch.as_of AT TIME ZONE 'UTC')::date
            AND reconciliation.average = batch.average
            AND reconciliation.reconciled_at >= batch.written_at
    ) AS is_final
FROM sma.batch_averages AS batch
LEFT JOIN sma.averages AS definition ON definition.name = batch.average
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
FROM sma.streaming_averages AS stream
LEFT JOIN sma.averages AS definition ON definition.name = stream.average
WHERE NOT EXISTS (
    SELECT
    FROM sma.batch_days AS computed
    WHERE computed.day = (stream.as_of AT TIME ZONE 'UTC')::date
        AND computed.average = stream.average
        AND computed.closed_until >= stream.as_of
);

GRANT SELECT ON serving.moving_averages TO sma_serving, sma_reader;
