-- Statements of index_checks: they compare the offset index with itself and with what both layers have stored.

-- find_gaps --
-- among the newest blocks of each partition; each was one of them when it was new
WITH newest AS MATERIALIZED (
    SELECT
        indexed.kafka_partition,
        block.first_offset,
        block.next_offset
    FROM sma.indexed_partitions AS indexed
    CROSS JOIN LATERAL (
        SELECT
            first_offset,
            next_offset
        FROM sma.offset_blocks
        WHERE kafka_partition = indexed.kafka_partition
        ORDER BY first_offset DESC
        LIMIT %(most)s
    ) AS block
)
SELECT
    kafka_partition,
    ended_at,
    first_offset
FROM (
    SELECT
        kafka_partition,
        first_offset,
        lag(next_offset) OVER (PARTITION BY kafka_partition ORDER BY first_offset) AS ended_at
    FROM (
        SELECT
            kafka_partition,
            first_offset,
            next_offset
        FROM newest
        UNION ALL
        -- where none are left out, the first one begins at the origin
        SELECT
            indexed.kafka_partition,
            -1,
            coalesce(indexed.origin_offset, 0)
        FROM sma.indexed_partitions AS indexed
        LEFT JOIN newest USING (kafka_partition)
        GROUP BY indexed.kafka_partition
        HAVING count(newest.first_offset) < %(most)s
        UNION ALL
        SELECT
            kafka_partition,
            next_offset,
            NULL
        FROM sma.indexed_partitions
    ) AS block
) AS following
WHERE ended_at <> first_offset
ORDER BY kafka_partition, first_offset

-- read_computed_until --
SELECT coalesce(max(low_watermark), '-infinity')::text
FROM sma.batch_days
WHERE average = %(average)s

-- count_not_computed --
SELECT
    count(*),
    coalesce(extract(epoch FROM clock_timestamp() - min(written_at)), 0)::bigint
FROM sma.streaming_averages
WHERE average = %(average)s
    AND as_of > %(computed_until)s::timestamptz
    AND generation = (SELECT sma.present_generation())
