-- Lateness and the watermark go by log time: an event's time, or its record's timestamp where that is earlier. An event whose
-- key is not customer/metric is rejected. What was indexed by the rules before is read again.
ALTER TABLE sma.indexed_partitions RENAME COLUMN max_time_ms TO max_log_time_ms;
ALTER TABLE sma.indexed_series RENAME COLUMN max_event_time_ms TO max_log_time_ms;
ALTER TABLE sma.late_events RENAME COLUMN max_event_time_before_ms TO max_log_time_before_ms;

TRUNCATE
    sma.indexed_partitions,
    sma.offset_blocks,
    sma.indexed_series,
    sma.series_days,
    sma.late_events,
    sma.rejected_events;

COMMENT ON COLUMN sma.indexed_partitions.max_log_time_ms IS
    'max log time of an event or heartbeat, in milliseconds since the epoch; null where there is neither';
COMMENT ON TABLE sma.indexed_series IS
    'The max log time of each series as far as it is indexed; whether its next event is late depends on it.';
COMMENT ON COLUMN sma.indexed_series.max_log_time_ms IS
    'log time: the event time, or the timestamp of the Kafka record where that is earlier';
COMMENT ON COLUMN sma.late_events.max_log_time_before_ms IS 'max log time of the series before this event in the log';
