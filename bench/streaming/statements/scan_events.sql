-- The same log without a watermark, for reading and parsing alone.
CREATE TABLE events (
    customer STRING,
    metric STRING,
    event_time BIGINT,
    `value` DECIMAL(18, 6)
) WITH (
    'connector' = 'kafka',
    'topic' = '$topic',
    'properties.bootstrap.servers' = '$bootstrap',
    'properties.isolation.level' = 'read_committed',
    'properties.commit.offsets.on.checkpoint' = 'false',
    'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'specific-offsets',
    'scan.bounded.specific-offsets' = '$to_offsets',
    'format' = 'json'
)
