-- Where the events of a scan go.
CREATE TABLE nowhere (
    customer STRING,
    metric STRING,
    event_time BIGINT,
    `value` DECIMAL(18, 6)
) WITH ('connector' = 'blackhole')
