-- Views that reports read: the tables of a star schema made from serving.moving_averages. Days and times are UTC and
-- without a zone, which Power BI shows unchanged. Names and order of the columns are a contract with the semantic model.
-- A filter on a time without a zone excludes no chunks, so large tables have the column `instant` too, as_of with its
-- zone: a filter on it reads the chunks of that time only (docs/decisions/0019).

-- every series, without reading every row: from one (customer, metric) an index leads to the next
CREATE OR REPLACE VIEW serving.series AS
WITH RECURSIVE streamed (customer, metric) AS (
    (
        SELECT
            customer,
            metric
        FROM sma.streaming_averages
        ORDER BY customer, metric
        LIMIT 1
    )
    UNION ALL
    SELECT
        following.customer,
        following.metric
    FROM streamed
    CROSS JOIN LATERAL (
        SELECT
            stated.customer,
            stated.metric
        FROM sma.streaming_averages AS stated
        WHERE (stated.customer, stated.metric) > (streamed.customer, streamed.metric)
        ORDER BY stated.customer, stated.metric
        LIMIT 1
    ) AS following
)
SELECT
    known.customer || '/' || known.metric AS series,
    known.customer,
    known.metric
FROM (
    SELECT customer, metric FROM sma.indexed_series
    UNION
    SELECT customer, metric FROM streamed
) AS known;

CREATE OR REPLACE VIEW serving.averages AS
SELECT
    name AS average,
    window_events::int AS window_events,
    window_ms / 1000 AS window_seconds,
    every_ms / 1000 AS every_seconds,
    coalesce(description, name) AS description
FROM sma.averages;

CREATE OR REPLACE VIEW serving.facts AS
SELECT
    customer || '/' || metric AS series,
    customer,
    metric,
    average,
    sma.day_of(as_of) AS date,
    as_of AT TIME ZONE INTERVAL '0' AS as_of,
    sma::numeric(28, 9) AS sma,
    value_sum,
    event_count,
    is_full,
    source,
    is_final,
    as_of AS instant
FROM serving.moving_averages;

-- the facts of the last day of the stream's rows, for reports that query the database each time they are viewed
CREATE OR REPLACE VIEW serving.live AS
SELECT facts.*
FROM serving.facts AS facts
WHERE facts.instant > (SELECT max(as_of) - INTERVAL '1 day' FROM sma.streaming_averages);

-- the days between the first and the last row of either layer, both looked up in an index
CREATE OR REPLACE VIEW serving.calendar AS
SELECT
    day::date AS date,
    extract(year FROM day)::int AS year,
    extract(quarter FROM day)::int AS quarter,
    extract(month FROM day)::int AS month,
    to_char(day, 'FMMonth') AS month_name,
    extract(week FROM day)::int AS iso_week,
    extract(day FROM day)::int AS day,
    extract(isodow FROM day)::int AS weekday,
    to_char(day, 'FMDay') AS weekday_name
FROM (
    SELECT
        min(first_as_of) AT TIME ZONE INTERVAL '0' AS first,
        max(last_as_of) AT TIME ZONE INTERVAL '0' AS last
    FROM (
        SELECT
            (SELECT min(as_of) FROM sma.batch_averages) AS first_as_of,
            (SELECT max(as_of) FROM sma.batch_averages) AS last_as_of
        UNION ALL
        SELECT
            (SELECT min(as_of) FROM sma.streaming_averages),
            (SELECT max(as_of) FROM sma.streaming_averages)
    ) AS layer
) AS span
CROSS JOIN LATERAL generate_series(date_trunc('day', span.first), span.last, INTERVAL '1 day') AS day;

CREATE OR REPLACE VIEW sma.newest_reconciliations AS
SELECT DISTINCT ON (day, average)
    run_id,
    day,
    average,
    reconciled_at
FROM sma.reconciliations
ORDER BY day, average, reconciled_at DESC;

-- the windows that differ in the newest reconciliation of their day and average, with the value of each layer
CREATE OR REPLACE VIEW serving.differences AS
SELECT
    difference.customer || '/' || difference.metric AS series,
    difference.customer,
    difference.metric,
    difference.average,
    sma.day_of(difference.as_of) AS date,
    difference.as_of AT TIME ZONE INTERVAL '0' AS as_of,
    difference.class,
    difference.is_explained,
    difference.late_event_count,
    serving.average(difference.stream_value_sum, difference.stream_event_count)::numeric(28, 9) AS stream_sma,
    serving.average(difference.batch_value_sum, difference.batch_event_count)::numeric(28, 9) AS batch_sma,
    difference.as_of AS instant
FROM sma.newest_reconciliations AS newest
JOIN sma.differences AS difference
    ON difference.run_id = newest.run_id
    AND difference.average = newest.average
    AND sma.day_of(difference.as_of) = newest.day;

-- the first and the newest row of each series and average in either layer, each looked up in an index
CREATE OR REPLACE VIEW sma.reached AS
SELECT
    series.customer,
    series.metric,
    definition.name AS average,
    streamed.first_as_of AS first_streamed,
    streamed.newest_as_of AS newest_streamed,
    computed.first_as_of AS first_computed,
    computed.newest_as_of AS newest_computed
FROM serving.series AS series
CROSS JOIN sma.averages AS definition
CROSS JOIN LATERAL (
    SELECT
        min(as_of) AS first_as_of,
        max(as_of) AS newest_as_of
    FROM sma.streaming_averages
    WHERE customer = series.customer
        AND metric = series.metric
        AND average = definition.name
) AS streamed
CROSS JOIN LATERAL (
    SELECT
        min(as_of) AS first_as_of,
        max(as_of) AS newest_as_of
    FROM sma.batch_averages
    WHERE customer = series.customer
        AND metric = series.metric
        AND average = definition.name
) AS computed;

-- each customer's newest window: the newest that either layer closed, that the stream emitted, and that is final
CREATE OR REPLACE VIEW serving.data_age AS
SELECT
    customer,
    newest_window_closed AT TIME ZONE INTERVAL '0' AS newest_window_closed,
    newest_streamed AT TIME ZONE INTERVAL '0' AS newest_streamed,
    newest_reconciled AT TIME ZONE INTERVAL '0' AS newest_reconciled,
    extract(epoch FROM now() - newest_window_closed)::bigint AS window_closed_age_seconds,
    extract(epoch FROM now() - newest_streamed)::bigint AS streamed_age_seconds,
    extract(epoch FROM now() - newest_reconciled)::bigint AS reconciled_age_seconds
FROM (
    SELECT
        reached.customer,
        greatest(max(reached.newest_streamed), max(reached.newest_computed)) AS newest_window_closed,
        max(reached.newest_streamed) AS newest_streamed,
        max(final.as_of) AS newest_reconciled
    FROM sma.reached AS reached
    LEFT JOIN LATERAL (
        SELECT batch.as_of
        FROM sma.batch_averages AS batch
        WHERE batch.customer = reached.customer
            AND batch.metric = reached.metric
            AND batch.average = reached.average
            AND EXISTS (
                SELECT
                FROM sma.reconciliations AS reconciliation
                WHERE reconciliation.day = sma.day_of(batch.as_of)
                    AND reconciliation.average = batch.average
                    AND reconciliation.reconciled_at >= batch.written_at
            )
        ORDER BY batch.as_of DESC
        LIMIT 1
    ) AS final ON true
    GROUP BY reached.customer
) AS newest
WHERE newest_window_closed IS NOT NULL;

-- the differences in the newest reconciliation of each day and average, counted for each customer that has events or
-- differences there
CREATE OR REPLACE VIEW serving.quality AS
WITH found AS (
    SELECT
        date AS day,
        average,
        customer,
        count(*) FILTER (WHERE class = 'changed') AS changed,
        count(*) FILTER (WHERE class = 'missing_in_stream') AS missing_in_stream,
        count(*) FILTER (WHERE class = 'extra_in_stream') AS extra_in_stream,
        count(*) FILTER (WHERE is_explained) AS explained,
        count(*) FILTER (WHERE NOT is_explained) AS unexplained
    FROM serving.differences
    GROUP BY date, average, customer
),
compared AS (
    SELECT
        newest.day,
        newest.average,
        present.customer
    FROM sma.newest_reconciliations AS newest
    JOIN sma.series_days AS present ON present.day = newest.day
    UNION
    SELECT day, average, customer FROM found
)
SELECT
    compared.customer,
    compared.average,
    compared.day AS date,
    newest.reconciled_at AT TIME ZONE INTERVAL '0' AS reconciled_at,
    coalesce(found.changed, 0) AS changed,
    coalesce(found.missing_in_stream, 0) AS missing_in_stream,
    coalesce(found.extra_in_stream, 0) AS extra_in_stream,
    coalesce(found.explained, 0) AS explained,
    coalesce(found.unexplained, 0) AS unexplained
FROM compared
JOIN sma.newest_reconciliations AS newest ON newest.day = compared.day AND newest.average = compared.average
LEFT JOIN found
    ON found.day = compared.day AND found.average = compared.average AND found.customer = compared.customer;

GRANT SELECT
    ON serving.series, serving.averages, serving.facts, serving.live, serving.calendar,
    serving.differences, serving.data_age, serving.quality
    TO sma_serving, sma_reader;
