-- The topic of records that cannot be read as events, with their bytes. At least once, as late_events.
CREATE TEMPORARY TABLE rejected_events (
    position_key STRING NOT NULL,
    `partition` INT NOT NULL,
    kafka_offset BIGINT NOT NULL,
    record_timestamp BIGINT NOT NULL,
    reason STRING NOT NULL,
    `raw` BYTES
) WITH (
    'connector' = 'kafka',
    'topic' = $topic,
    'properties.bootstrap.servers' = $bootstrap,
    'key.format' = 'raw',
    'key.fields' = 'position_key',
    'value.format' = 'json',
    'value.fields-include' = 'EXCEPT_KEY',
    'sink.delivery-guarantee' = 'at-least-once'
)
