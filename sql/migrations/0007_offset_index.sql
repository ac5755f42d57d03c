-- Where in the log can the events of a day stand, and which of them are late? Written by the pass that reads every
-- record once and in order; see docs/decisions/0015-offset-index.md.
CREATE TABLE sma.indexed_partitions (
    kafka_partition integer PRIMARY KEY,
    next_offset bigint NOT NULL,
    newest_time_ms bigint,
    allowed_lateness_ms bigint NOT NULL,
    max_ahead_ms bigint NOT NULL,
    indexed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sma.indexed_partitions IS 'How far each partition of the log has been indexed, and by which rule.';
COMMENT ON COLUMN sma.indexed_partitions.newest_time_ms IS 'of an event or a heartbeat, in milliseconds since the epoch';

CREATE TABLE sma.offset_blocks (
    kafka_partition integer NOT NULL,
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset > first_offset),
    event_count bigint NOT NULL,
    late_event_count bigint NOT NULL,
    rejected_event_count bigint NOT NULL,
    heartbeat_count bigint NOT NULL,
    oldest_event_ms bigint,
    newest_event_ms bigint,
    PRIMARY KEY (kafka_partition, first_offset),
    CHECK ((event_count > 0) = (oldest_event_ms IS NOT NULL AND newest_event_ms IS NOT NULL))
);
COMMENT ON TABLE sma.offset_blocks IS
    'The records at first_offset <= Kafka offset < next_offset, counted; oldest and newest event time of those that are not late.';
COMMENT ON COLUMN sma.offset_blocks.event_count IS 'events that are not late';

CREATE TABLE sma.indexed_series (
    kafka_partition integer NOT NULL,
    customer text NOT NULL,
    metric text NOT NULL,
    newest_event_ms bigint NOT NULL,
    PRIMARY KEY (kafka_partition, customer, metric)
);
COMMENT ON TABLE sma.indexed_series IS 'The newest event time of each series, by which the next event of it is late or not.';

CREATE TABLE sma.series_days (
    kafka_partition integer NOT NULL,
    customer text NOT NULL,
    metric text NOT NULL,
    day date NOT NULL,
    event_count bigint NOT NULL,
    PRIMARY KEY (kafka_partition, day, customer, metric)
);
COMMENT ON TABLE sma.series_days IS 'How many events of a series, late ones left out, have their time on a day (UTC).';

CREATE TABLE sma.late_events (
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    customer text NOT NULL,
    metric text NOT NULL,
    event_time_ms bigint NOT NULL,
    value_micros bigint NOT NULL,
    newest_event_ms bigint NOT NULL,
    indexed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kafka_partition, kafka_offset)
);
CREATE INDEX ON sma.late_events (event_time_ms);
COMMENT ON TABLE sma.late_events IS 'The events that are late by the rule of the log: in no streamed window, in every window of the batch layer.';
COMMENT ON COLUMN sma.late_events.newest_event_ms IS 'the newest event time of the series before it in the log';

CREATE TABLE sma.rejected_events (
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    reason text NOT NULL,
    indexed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kafka_partition, kafka_offset)
);
COMMENT ON TABLE sma.rejected_events IS 'Records of the log that are neither an event nor a heartbeat, as the batch layer read them.';

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE
    ON sma.indexed_partitions, sma.offset_blocks, sma.indexed_series, sma.series_days, sma.late_events,
    sma.rejected_events
    TO sma_batch;

-- a run that was killed and is started again leaves out what it has finished
ALTER TABLE sma.batch_days ADD COLUMN resume_key text;
COMMENT ON COLUMN sma.batch_days.resume_key IS 'what the run that wrote the day has in common with those that carry on its work';
CREATE INDEX ON sma.batch_days (resume_key);
