-- Where does a record stand in its partition? The watermark is the newest time up to it, heartbeats included, less the
-- delay. Its own time counts too, which changes nothing: it is never behind itself.
CREATE TEMPORARY VIEW placed AS
SELECT
    customer,
    metric,
    time_ms,
    `value`,
    event_time,
    `partition`,
    kafka_offset,
    MAX(time_ms) OVER (
        PARTITION BY `partition`
        ORDER BY read_at
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - $watermark_delay_ms AS watermark_ms
FROM records
WHERE rejection IS NULL
