-- The days (UTC) of which the log has events, by series: what the batch layer reads to find stale days and required
-- offsets. A row for each day of sma.series_days, and one for each late event. Whether a late event is new is decided
-- by its own Kafka offset, so `next_offset` is 0 there.
CREATE OR REPLACE VIEW sma.event_days AS
SELECT
    kafka_partition,
    customer,
    metric,
    day,
    event_count,
    0::bigint AS late_event_count,
    next_offset
FROM sma.series_days
UNION ALL
SELECT
    kafka_partition,
    customer,
    metric,
    sma.day_of_ms(event_time_ms),
    0::bigint,
    1::bigint,
    0::bigint
FROM sma.late_events;

GRANT SELECT ON sma.event_days TO sma_batch, sma_reader;
