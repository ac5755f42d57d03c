-- A topic that is deleted and made anew under its name has other records at the same Kafka offsets, so the index says which
-- topic it is of. NULL: indexed before this column was there, or by a Kafka that knows no ids; the next pass fills it in.
ALTER TABLE sma.indexed_partitions ADD COLUMN topic_id text;

COMMENT ON COLUMN sma.indexed_partitions.topic_id IS 'the id that Kafka gave the topic when it was made';
