-- From how much of the log does a streamed row follow? A row from more of it is never replaced by one from less.
ALTER TABLE sma.streaming_averages ADD COLUMN newest_offset bigint;
COMMENT ON COLUMN sma.streaming_averages.newest_offset IS
    'the newest Kafka offset of an event of the series before as_of, as far as the stream had read; the row follows from the log up to there';
