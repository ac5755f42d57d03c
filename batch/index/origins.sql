-- Statements of origins: they read where the log was indexed without its beginning, and which series are there.

-- read_origins --
SELECT
    kafka_partition,
    allowed_lateness_ms,
    max_ahead_ms,
    origin_offset,
    origin_appended_ms,
    origin_max_log_time_ms,
    origin_events_to_go
FROM sma.indexed_partitions
WHERE origin_offset IS NOT NULL
ORDER BY kafka_partition

-- read_series_since --
SELECT
    customer,
    metric,
    first_log_time_ms
FROM sma.indexed_series
WHERE kafka_partition = %(partition)s
    AND first_log_time_ms > %(since_ms)s

-- read_series --
SELECT
    present.kafka_partition,
    asked.customer,
    asked.metric,
    present.first_log_time_ms
FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS asked (customer, metric)
INNER JOIN sma.indexed_series AS present USING (customer, metric)

-- read_first_rows --
SELECT
    asked.customer,
    asked.metric,
    sma.epoch_ms(first.as_of)
FROM unnest(%(customers)s::text[], %(metrics)s::text[]) AS asked (customer, metric)
CROSS JOIN LATERAL (
    SELECT min(stored.as_of) AS as_of
    FROM sma.batch_averages AS stored
    WHERE stored.customer = asked.customer
        AND stored.metric = asked.metric
        AND stored.average = %(average)s
) AS first
WHERE first.as_of IS NOT NULL
