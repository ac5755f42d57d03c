-- The table that our job writes, through Flink's JDBC sink; its options are the sink's defaults unless given here.
CREATE TABLE averages (
    customer STRING,
    metric STRING,
    average STRING,
    as_of TIMESTAMP(3),
    value_sum DECIMAL(38, 6),
    event_count BIGINT,
    newest_offset BIGINT,
    PRIMARY KEY (customer, metric, average, as_of) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = '$url',
    'username' = '$user',
    'password' = '$password',
    'table-name' = 'sma.streaming_averages'$more
)
