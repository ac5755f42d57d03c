-- A series lives in one partition: only there is the order of its events total. Another partitioner, or added
-- partitions, put it into two, and each has windows of its own then. So the index records such series, and which rows
-- are never final.
ALTER TABLE sma.indexed_series ADD COLUMN first_offset bigint;
COMMENT ON COLUMN sma.indexed_series.first_offset IS
    'Kafka offset of the first event of the series in the partition; null where it was indexed before there was this column';
CREATE INDEX indexed_series_customer_metric_idx ON sma.indexed_series (customer, metric);

CREATE TABLE sma.split_series (
    customer text NOT NULL,
    metric text NOT NULL,
    kafka_partition integer NOT NULL,
    first_offset bigint,
    first_day date NOT NULL,
    last_day date NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    indexed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (customer, metric, kafka_partition),
    CHECK (first_day <= last_day)
);
COMMENT ON TABLE sma.split_series IS
    'The series with events in more than one partition: a row for each partition of such a series, written by the pass over the log.';
COMMENT ON COLUMN sma.split_series.first_day IS 'first day (UTC) with an event of the series in this partition, late ones included';
COMMENT ON COLUMN sma.split_series.found_at IS 'when the index met the series in a second partition, or in this one after that';
COMMENT ON COLUMN sma.split_series.indexed_at IS 'when an event of the series in this partition was last indexed, found_at or later';

CREATE TABLE sma.unsettled (
    customer text NOT NULL,
    metric text NOT NULL,
    reason text NOT NULL,
    from_time timestamptz NOT NULL,
    until_time timestamptz NOT NULL DEFAULT 'infinity',
    basis text,
    PRIMARY KEY (customer, metric, reason),
    CHECK (from_time < until_time)
);
COMMENT ON TABLE sma.unsettled IS
    'Rows that are not final whatever a reconciliation finds: those of a series with from_time <= as_of < until_time, and why.';
COMMENT ON COLUMN sma.unsettled.reason IS 'two_partitions: windows in reach hold events of the series from two partitions';
COMMENT ON COLUMN sma.unsettled.basis IS 'what the times were computed from: they are computed again where it changes';

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON sma.split_series, sma.unsettled TO sma_batch;
GRANT SELECT ON sma.split_series, sma.unsettled TO sma_reader;
-- how far windows reach back decides which rows are not final
GRANT SELECT ON sma.averages TO sma_batch;

-- those that were indexed before; their rows are marked by the next pass over the log
INSERT INTO sma.split_series (customer, metric, kafka_partition, first_day, last_day)
SELECT
    held.customer,
    held.metric,
    held.kafka_partition,
    min(held.day),
    max(held.day)
FROM (
    SELECT
        customer,
        metric
    FROM sma.indexed_series
    GROUP BY customer, metric
    HAVING count(*) > 1
) AS split
INNER JOIN (
    SELECT
        customer,
        metric,
        kafka_partition,
        day
    FROM sma.series_days
    UNION ALL
    SELECT
        customer,
        metric,
        kafka_partition,
        DATE '1970-01-01' + floor(event_time_ms / 86400000.0)::integer
    FROM sma.late_events
) AS held USING (customer, metric)
GROUP BY held.customer, held.metric, held.kafka_partition;

-- A difference between the layers may be explained by the two partitions, which the audit trail says.
ALTER TABLE sma.differences ADD COLUMN of_one_partition boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sma.differences.of_one_partition IS
    'the series is in two partitions, and the streamed pair is that of the events of one of them alone';
ALTER TABLE sma.reconciliations ADD COLUMN of_one_partition bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN sma.reconciliations.of_one_partition IS
    'how many of the explained differences are of a series in two partitions, where the stream has the windows of one of them';
