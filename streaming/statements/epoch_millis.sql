-- Flink's own functions give a time in seconds only.
CREATE TEMPORARY SYSTEM FUNCTION epoch_millis AS 'sma.streaming.EpochMillis'
