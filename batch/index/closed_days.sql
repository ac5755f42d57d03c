-- Statement of closed_days: it records up to where windows were closed in each partition.

-- settle --
UPDATE sma.indexed_partitions AS indexed
SET settled_ms = greatest(indexed.settled_ms, closed.closed_ms)
FROM unnest(%(partitions)s::integer[], %(closed_ms)s::bigint[]) AS closed (kafka_partition, closed_ms)
WHERE indexed.kafka_partition = closed.kafka_partition
    AND (indexed.settled_ms < closed.closed_ms OR indexed.settled_ms IS NULL)
