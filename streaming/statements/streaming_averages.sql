-- The table of the stream's answers. The rows of a checkpoint are in the database before it is complete. Ten tries ride
-- out a minute without the database; a sink that gives up takes its whole TaskManager down, which then starts anew.
CREATE TEMPORARY TABLE streaming_averages (
    customer STRING NOT NULL,
    metric STRING NOT NULL,
    average STRING NOT NULL,
    as_of TIMESTAMP(3) NOT NULL,
    value_sum DECIMAL(38, 6) NOT NULL,
    event_count BIGINT NOT NULL,
    written_at TIMESTAMP(3) NOT NULL,
    PRIMARY KEY (customer, metric, average, as_of) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = $url,
    $credentials
    'table-name' = 'sma.streaming_averages',
    'sink.buffer-flush.interval' = '1s',
    'sink.buffer-flush.max-rows' = '5000',
    'sink.max-retries' = '10'
)
