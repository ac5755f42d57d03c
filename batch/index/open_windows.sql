-- Statement of open_windows: it lists the series of some partitions.

-- read_series --
SELECT
    kafka_partition,
    customer,
    metric
FROM sma.indexed_series
WHERE kafka_partition = ANY(%(partitions)s)
