-- Views of the series: which there are, how reports name them, and how far each has come.

-- every series, without reading every row: from one (customer, metric) an index leads to the next
CREATE OR REPLACE VIEW sma.every_series AS
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
SELECT customer, metric FROM sma.indexed_series
UNION
SELECT customer, metric FROM streamed;

-- a series with its keys, its labels and its newest event as far as the log is indexed. Labels of metrics are made within
-- a customer: those of the whole would show a customer that another one has such a metric
CREATE OR REPLACE VIEW serving.series AS
SELECT
    named.customer || '/' || named.metric AS series,
    named.customer,
    named.metric,
    serving.key(named.customer || '/' || named.metric) AS series_key,
    serving.key(named.customer) AS customer_key,
    named.customer_label || '/' || named.metric_label AS series_label,
    named.customer_label,
    named.metric_label,
    (
        SELECT
            max(
                least(
                    TIMESTAMP 'epoch' + indexed.max_log_time_ms * INTERVAL '1 millisecond',
                    now() AT TIME ZONE INTERVAL '0'
                )
            )
        FROM sma.indexed_series AS indexed
        WHERE indexed.customer = named.customer
            AND indexed.metric = named.metric
            AND indexed.max_log_time_ms >= sma.epoch_ms(sma.report_start())
    ) AS newest_event
FROM (
    SELECT
        customer,
        metric,
        sma.label(customer, min(customer) OVER same_customer <> max(customer) OVER same_customer) AS customer_label,
        sma.label(metric, count(*) OVER same_metric > 1) AS metric_label
    FROM sma.every_series
    WINDOW
        same_customer AS (PARTITION BY sma.folded(customer)),
        same_metric AS (PARTITION BY customer, sma.folded(metric))
) AS named;

-- the newest row of each series and average in either layer, each looked up in an index. A row ahead of the clock, which an
-- event with a wrong time makes, is not the newest; nor is one of a time that Power BI does not have.
CREATE OR REPLACE VIEW sma.reached AS
SELECT
    series.customer,
    series.metric,
    definition.name AS average,
    streamed.as_of AS newest_streamed,
    computed.as_of AS newest_computed
FROM sma.every_series AS series
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
CROSS JOIN LATERAL (
    SELECT max(as_of) AS as_of
    FROM sma.batch_averages
    WHERE customer = series.customer
        AND metric = series.metric
        AND average = definition.name
        AND as_of >= sma.report_start()
        AND as_of <= now()
) AS computed;

GRANT SELECT ON serving.series TO sma_serving, sma_reader;
