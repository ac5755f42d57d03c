-- Statements of side_outputs: they read the positions of late events and rejected records from the offset index.

-- read_offsets --
SELECT
    indexed.kafka_partition,
    held.offsets
FROM sma.indexed_partitions AS indexed
CROSS JOIN LATERAL (
    SELECT array_send(array_agg(kafka_offset ORDER BY kafka_offset)) AS offsets
    FROM sma.{table}
    WHERE kafka_partition = indexed.kafka_partition
        AND kafka_offset >= coalesce((%(since)s::jsonb ->> indexed.kafka_partition::text)::bigint, 0)
) AS held
WHERE held.offsets IS NOT NULL
ORDER BY indexed.kafka_partition

-- find_known --
SELECT
    kafka_partition,
    kafka_offset
FROM unnest(%(kafka_partition)s::integer[], %(kafka_offset)s::bigint[]) AS named (kafka_partition, kafka_offset)
INNER JOIN sma.{table} USING (kafka_partition, kafka_offset)
