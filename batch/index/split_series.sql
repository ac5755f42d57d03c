-- Statements of split_series: they read which series have events in more than one partition.

-- read_split --
-- of a series that has moved, the partition before gains no more events: after a day, the series is no longer listed
SELECT
    customer,
    metric,
    array_agg(kafka_partition ORDER BY found_at, kafka_partition),
    array_agg(first_offset ORDER BY found_at, kafka_partition),
    array_agg(first_day ORDER BY found_at, kafka_partition),
    max(found_at),
    count(*) OVER ()
FROM sma.split_series
WHERE indexed_at > clock_timestamp() - INTERVAL '1 day'
GROUP BY customer, metric
HAVING count(*) > 1
ORDER BY max(found_at) DESC, customer, metric
LIMIT %(most)s

-- read_names --
SELECT DISTINCT
    customer,
    metric
FROM sma.split_series
ORDER BY customer, metric

-- count_marked --
SELECT count(*)
FROM sma.unsettled
WHERE reason = 'two_partitions'
