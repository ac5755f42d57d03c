-- The topic of events that enter no window. At least once: its readers count each (partition, kafka_offset) once.
CREATE TEMPORARY TABLE late_events (
    position_key STRING NOT NULL,
    `partition` INT NOT NULL,
    kafka_offset BIGINT NOT NULL,
    customer STRING NOT NULL,
    metric STRING NOT NULL,
    event_time BIGINT NOT NULL,
    `value` STRING NOT NULL,
    `watermark` BIGINT NOT NULL
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
