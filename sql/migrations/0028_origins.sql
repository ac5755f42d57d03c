-- The first index of a log whose beginning Kafka no longer has. The origin of a partition is the first record that was
-- read of it (sma/origin.py); it is null where the log had its beginning.
ALTER TABLE sma.indexed_partitions
ADD COLUMN origin_offset bigint CHECK (origin_offset > 0),
ADD COLUMN origin_appended_ms bigint,
ADD COLUMN origin_max_log_time_ms bigint,
ADD COLUMN origin_events_to_go integer;
COMMENT ON COLUMN sma.indexed_partitions.origin_offset IS
    'first Kafka offset that was retained when the partition was first read; null where that was its first';
COMMENT ON COLUMN sma.indexed_partitions.origin_appended_ms IS
    'when Kafka took the first record; 2^62 where its timestamp is of the producer, null before there is one';
COMMENT ON COLUMN sma.indexed_partitions.origin_max_log_time_ms IS
    'the newest log time of the first events, and of a heartbeat among them';
COMMENT ON COLUMN sma.indexed_partitions.origin_events_to_go IS 'how many more events are taken for it';

ALTER TABLE sma.indexed_series
ADD COLUMN first_log_time_ms bigint;
COMMENT ON COLUMN sma.indexed_series.first_log_time_ms IS
    'of the first event in the index; null of series that were indexed before the column was there';
-- the series of a partition that are known only from a late time on
CREATE INDEX indexed_series_first_log_time ON sma.indexed_series (kafka_partition, first_log_time_ms);
