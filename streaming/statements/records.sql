-- Every record of the topic `events`, read once into typed columns. A record that stands ahead of its timestamp is
-- rejected here, before the watermark is taken from it; a rejected record has the earliest time there is, and so
-- leaves the watermark where it was. A heartbeat has a time and nothing else.
CREATE TEMPORARY TABLE records (
    customer STRING,
    metric STRING,
    event_time_ms BIGINT,
    `value` DECIMAL(19, 6),
    heartbeat_ms BIGINT,
    reason STRING,
    `raw` BYTES,
    `partition` INT NOT NULL METADATA VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    record_timestamp TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    read_at AS PROCTIME(),
    time_ms AS COALESCE(event_time_ms, heartbeat_ms),
    rejection AS CASE
        WHEN $is_ahead AND heartbeat_ms IS NULL THEN 'event_time: more than max_ahead ahead of the record''s timestamp'
        WHEN $is_ahead THEN 'heartbeat: more than max_ahead ahead of the record''s timestamp'
        ELSE reason
    END,
    event_time AS TO_TIMESTAMP_LTZ(
        CASE
            WHEN reason IS NOT NULL OR $is_ahead THEN $earliest_event_time_ms
            ELSE COALESCE(event_time_ms, heartbeat_ms)
        END,
        3
    ),
    WATERMARK FOR event_time AS event_time - $watermark_delay
) WITH (
    'connector' = 'kafka',
    'topic' = $topic,
    'properties.bootstrap.servers' = $bootstrap,
    'properties.group.id' = $group,
    'properties.commit.offsets.on.checkpoint' = 'true',
    'scan.startup.mode' = 'earliest-offset',
    'scan.watermark.emit.strategy' = 'on-event',
    'format' = 'sma-event'
)
