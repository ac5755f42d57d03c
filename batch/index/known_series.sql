-- Statements of known_series: they list the averages, customers and metrics that the database knows.

-- read_definitions --
SELECT
    name,
    window_events,
    window_ms,
    every_ms,
    offset_ms
FROM sma.averages
ORDER BY name

-- knows_series --
SELECT
    EXISTS (SELECT FROM sma.streaming_averages WHERE customer = %(customer)s AND metric = %(metric)s)
    OR EXISTS (SELECT FROM sma.batch_averages WHERE customer = %(customer)s AND metric = %(metric)s)

-- read_customers --
SELECT DISTINCT customer
FROM sma.indexed_series
ORDER BY customer

-- read_metrics --
SELECT DISTINCT metric
FROM sma.indexed_series
WHERE customer = %(customer)s
ORDER BY metric
