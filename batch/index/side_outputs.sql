-- Statements of side_outputs: they read the positions of late events and rejected records from the offset index.

-- read_offsets --
SELECT
    kafka_partition,
    array_send(array_agg(kafka_offset ORDER BY kafka_offset))
FROM sma.{table}
GROUP BY kafka_partition
ORDER BY kafka_partition
