-- Statements of newest_series: `sma status` lists the series that were published last with them.

-- limit_time --
SELECT set_config('statement_timeout', %(limit)s, false)

-- read_newest --
-- by when the stream wrote the newest row of each series; one without a streamed row comes last. A window is reconciled
-- if a reconciliation followed the batch result of the stream's newest row, and the stream has not written it since.
WITH rows_of_series AS (
    SELECT
        series.customer,
        series.metric,
        definition.name AS average,
        streamed.as_of,
        streamed.written_at,
        computed.written_at AS computed_at,
        computed.newest_as_of AS computed_as_of
    FROM sma.every_series AS series
    LEFT JOIN sma.averages AS definition ON true
    LEFT JOIN LATERAL (
        SELECT
            as_of,
            written_at
        FROM sma.streaming_averages
        WHERE customer = series.customer
            AND metric = series.metric
            AND average = definition.name
            AND generation = (SELECT sma.present_generation())
            AND as_of <= now()
        ORDER BY as_of DESC
        LIMIT 1
    ) AS streamed ON true
    LEFT JOIN LATERAL (
        SELECT
            as_of AS newest_as_of,
            written_at
        FROM sma.batch_averages
        WHERE customer = series.customer
            AND metric = series.metric
            AND average = definition.name
            AND as_of <= now()
        ORDER BY as_of DESC
        LIMIT 1
    ) AS computed ON true
),
newest AS (
    SELECT DISTINCT ON (customer, metric)
        *
    FROM rows_of_series
    ORDER BY customer, metric, greatest(as_of, computed_as_of) DESC NULLS LAST, written_at DESC NULLS LAST
),
published AS (
    SELECT
        customer,
        metric,
        max(written_at) AS written_at
    FROM rows_of_series
    GROUP BY customer, metric
)
SELECT
    newest.customer,
    newest.metric,
    published.written_at,
    (
        SELECT max(indexed.max_log_time_ms)
        FROM sma.indexed_series AS indexed
        WHERE indexed.customer = newest.customer AND indexed.metric = newest.metric
    ),
    newest.average,
    greatest(newest.as_of, newest.computed_as_of),
    CASE
        WHEN greatest(newest.as_of, newest.computed_as_of) IS NULL THEN 'open'
        WHEN newest.computed_as_of IS NULL OR newest.computed_as_of < newest.as_of THEN 'streamed'
        WHEN EXISTS (
            SELECT
            FROM sma.reconciliations AS reconciliation
            WHERE reconciliation.day = sma.day_of(newest.computed_as_of)
                AND reconciliation.average = newest.average
                AND reconciliation.reconciled_at >= newest.computed_at
                AND coalesce(
                    reconciliation.reconciled_at >= newest.written_at OR newest.as_of < newest.computed_as_of,
                    true
                )
        ) THEN 'reconciled'
        ELSE 'computed'
    END,
    count(*) OVER ()
FROM newest
JOIN published USING (customer, metric)
ORDER BY published.written_at DESC NULLS LAST, newest.customer, newest.metric
LIMIT %(most)s
