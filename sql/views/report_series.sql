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

-- every customer, likewise
CREATE OR REPLACE VIEW sma.every_customer AS
WITH RECURSIVE streamed (customer) AS (
    SELECT min(customer) FROM sma.streaming_averages
    UNION ALL
    SELECT (SELECT min(stated.customer) FROM sma.streaming_averages AS stated WHERE stated.customer > streamed.customer)
    FROM streamed
    WHERE streamed.customer IS NOT NULL
),
indexed (customer) AS (
    SELECT min(customer) FROM sma.indexed_series
    UNION ALL
    SELECT (SELECT min(known.customer) FROM sma.indexed_series AS known WHERE known.customer > indexed.customer)
    FROM indexed
    WHERE indexed.customer IS NOT NULL
)
SELECT customer FROM streamed WHERE customer IS NOT NULL
UNION
SELECT customer FROM indexed WHERE customer IS NOT NULL;

GRANT SELECT ON serving.series TO sma_serving, sma_reader;
