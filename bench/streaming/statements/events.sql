-- The log as Flink's own JSON format reads it; the watermark trails as ours does.
CREATE TABLE events (
    customer STRING,
    metric STRING,
    event_time BIGINT,
    `value` DECIMAL(18, 6),
    kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
    occurred_at AS TO_TIMESTAMP_LTZ(event_time, 3),
    WATERMARK FOR occurred_at AS occurred_at - INTERVAL '$watermark_delay_s' SECOND
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
