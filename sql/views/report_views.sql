-- Views that reports read: the tables of a star schema made from serving.moving_averages. Days and times are UTC and
-- without a zone, which Power BI shows unchanged. Names and order of the columns are a contract with the semantic model.
-- A filter on a time without a zone excludes no chunks, so large tables have the column `instant` too, as_of with its
-- zone: a filter on it reads the chunks of that time only (docs/decisions/0019).

CREATE OR REPLACE VIEW serving.averages AS
SELECT
    name AS average,
    window_events::int AS window_events,
    window_ms / 1000.0 AS window_seconds,
    every_ms / 1000.0 AS every_seconds,
    coalesce(description, name) AS description,
    dense_rank() OVER (ORDER BY window_ms, window_events, every_ms, offset_ms)::int AS window_order,
    offset_ms / 1000.0 AS offset_seconds
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
    as_of AS instant,
    serving.key(customer || '/' || metric) AS series_key
FROM serving.moving_averages
WHERE as_of >= sma.report_start();

-- the facts of the last day that the stream has reached of each indexed series and average, for reports that query the
-- database each time they are viewed. Each has a last day of its own, which ends at its newest row that is not ahead of
-- the clock: so a row of another century hides no other series. OFFSET 0 keeps the planner from joining all facts: it
-- looks up each day instead.
CREATE OR REPLACE VIEW serving.live AS
SELECT
    newest.customer || '/' || newest.metric AS series,
    newest.customer,
    newest.metric,
    newest.average,
    facts.date,
    facts.as_of,
    facts.sma,
    facts.value_sum,
    facts.event_count,
    facts.is_full,
    facts.source,
    facts.is_final,
    facts.instant,
    serving.key(newest.customer || '/' || newest.metric) AS series_key
FROM (
    SELECT
        series.customer,
        series.metric,
        definition.name AS average,
        streamed.as_of
    FROM (SELECT DISTINCT customer, metric FROM sma.indexed_series) AS series
    CROSS JOIN sma.averages AS definition
    CROSS JOIN LATERAL (
        SELECT max(as_of) AS as_of
        FROM sma.streaming_averages
        WHERE customer = series.customer
            AND generation = (SELECT sma.present_generation())
            AND metric = series.metric
            AND average = definition.name
            AND as_of >= sma.report_start()
            AND as_of <= now()
    ) AS streamed
) AS newest
CROSS JOIN LATERAL (
    SELECT *
    FROM serving.facts
    WHERE customer = newest.customer
        AND metric = newest.metric
        AND average = newest.average
        AND instant > newest.as_of - INTERVAL '1 day'
        AND instant <= newest.as_of
    OFFSET 0
) AS facts;

-- the newest reconciliation of each day and average: from one an index leads to the next, however often each was reconciled
CREATE OR REPLACE VIEW sma.newest_reconciliations AS
WITH RECURSIVE newest (found) AS (
    (
        SELECT reconciliation AS found
        FROM sma.reconciliations AS reconciliation
        ORDER BY reconciliation.day, reconciliation.average, reconciliation.reconciled_at DESC
        LIMIT 1
    )
    UNION ALL
    SELECT following.found
    FROM newest
    CROSS JOIN LATERAL (
        SELECT reconciliation AS found
        FROM sma.reconciliations AS reconciliation
        WHERE (reconciliation.day, reconciliation.average) > ((newest.found).day, (newest.found).average)
        ORDER BY reconciliation.day, reconciliation.average, reconciliation.reconciled_at DESC
        LIMIT 1
    ) AS following
)
SELECT
    (found).run_id,
    (found).day,
    (found).average,
    (found).reconciled_at,
    (found).changed,
    (found).missing_in_stream,
    (found).extra_in_stream,
    (found).explained,
    (found).unexplained
FROM newest;

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
    difference.as_of AS instant,
    serving.key(difference.customer || '/' || difference.metric) AS series_key
FROM sma.newest_reconciliations AS newest
JOIN sma.differences AS difference
    ON difference.run_id = newest.run_id
    AND difference.average = newest.average
    AND sma.day_of(difference.as_of) = newest.day
WHERE difference.as_of >= sma.report_start();

-- each customer's newest window: the newest that either layer closed, that the stream emitted, and that is final. A row
-- ahead of the clock, which an event with a wrong time makes, is not the newest; nor is one of a time that Power BI does not
-- have. Each is looked up in an index by customer, and the newest final one from day to day back, so that what is read
-- does not grow with the number of series.
CREATE OR REPLACE VIEW serving.data_age AS
WITH reconciled AS MATERIALIZED (
    SELECT
        day,
        average,
        reconciled_at
    FROM sma.newest_reconciliations
),
reconciled_day AS MATERIALIZED (
    SELECT DISTINCT day FROM reconciled
)
SELECT
    known.customer,
    newest.closed AT TIME ZONE INTERVAL '0' AS newest_window_closed,
    newest.streamed AT TIME ZONE INTERVAL '0' AS newest_streamed,
    final.as_of AT TIME ZONE INTERVAL '0' AS newest_reconciled,
    extract(epoch FROM now() - newest.closed)::bigint AS window_closed_age_seconds,
    extract(epoch FROM now() - newest.streamed)::bigint AS streamed_age_seconds,
    extract(epoch FROM now() - final.as_of)::bigint AS reconciled_age_seconds,
    serving.key(known.customer) AS customer_key
FROM sma.every_customer AS known
CROSS JOIN LATERAL (
    SELECT max(as_of) AS as_of
    FROM sma.streaming_averages
    WHERE customer = known.customer
        AND generation = (SELECT sma.present_generation())
        AND as_of >= sma.report_start()
        AND as_of <= now()
) AS streamed
CROSS JOIN LATERAL (
    SELECT max(as_of) AS as_of
    FROM sma.batch_averages
    WHERE customer = known.customer
        AND as_of >= sma.report_start()
        AND as_of <= now()
) AS computed
CROSS JOIN LATERAL (
    SELECT
        streamed.as_of AS streamed,
        computed.as_of AS computed,
        greatest(streamed.as_of, computed.as_of) AS closed
) AS newest
CROSS JOIN LATERAL (
    WITH RECURSIVE back (day, as_of) AS (
        SELECT
            sma.day_of(newest.computed) + 1,
            NULL::timestamptz
        UNION ALL
        SELECT
            before.day,
            (
                SELECT max(row_of_average.as_of)
                FROM reconciled
                CROSS JOIN LATERAL (
                    SELECT batch.as_of
                    FROM sma.batch_averages AS batch
                    WHERE batch.customer = known.customer
                        AND batch.average = reconciled.average
                        AND batch.as_of >= before.day::timestamp AT TIME ZONE INTERVAL '0'
                        AND batch.as_of < (before.day + 1)::timestamp AT TIME ZONE INTERVAL '0'
                        AND batch.as_of >= sma.report_start()
                        AND batch.as_of <= newest.computed
                        AND batch.written_at <= reconciled.reconciled_at
                    ORDER BY batch.as_of DESC
                    LIMIT 1
                ) AS row_of_average
                WHERE reconciled.day = before.day
            )
        FROM back
        CROSS JOIN LATERAL (
            SELECT max(earlier.day) AS day
            FROM reconciled_day AS earlier
            WHERE earlier.day < back.day
        ) AS before
        WHERE back.as_of IS NULL
            AND before.day IS NOT NULL
    )
    SELECT max(as_of) AS as_of
    FROM back
) AS final
WHERE newest.closed IS NOT NULL;

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
    coalesce(found.unexplained, 0) AS unexplained,
    serving.key(compared.customer) AS customer_key
FROM compared
JOIN sma.newest_reconciliations AS newest ON newest.day = compared.day AND newest.average = compared.average
LEFT JOIN found
    ON found.day = compared.day AND found.average = compared.average AND found.customer = compared.customer
WHERE compared.day >= sma.day_of(sma.report_start());

GRANT SELECT
    ON serving.averages, serving.facts, serving.live, serving.differences, serving.data_age, serving.quality
    TO sma_serving, sma_reader;
