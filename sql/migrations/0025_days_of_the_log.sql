-- What the log holds of each day, and of each partition, is counted as the log is indexed: whoever asks reads as many
-- rows as there are days, and not what there ever was. See docs/decisions/0054.

ALTER TABLE sma.indexed_partitions
ADD COLUMN event_count bigint NOT NULL DEFAULT 0,
ADD COLUMN late_event_count bigint NOT NULL DEFAULT 0,
ADD COLUMN rejected_event_count bigint NOT NULL DEFAULT 0,
ADD COLUMN heartbeat_count bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN sma.indexed_partitions.event_count IS 'events before next_offset that are not late';

UPDATE sma.indexed_partitions AS indexed
SET event_count = block.event_count,
    late_event_count = block.late_event_count,
    rejected_event_count = block.rejected_event_count,
    heartbeat_count = block.heartbeat_count
FROM (
    SELECT
        kafka_partition,
        sum(event_count) AS event_count,
        sum(late_event_count) AS late_event_count,
        sum(rejected_event_count) AS rejected_event_count,
        sum(heartbeat_count) AS heartbeat_count
    FROM sma.offset_blocks
    GROUP BY kafka_partition
) AS block
WHERE block.kafka_partition = indexed.kafka_partition;

DROP VIEW IF EXISTS sma.event_days;

ALTER TABLE sma.series_days ADD COLUMN late_event_count bigint NOT NULL DEFAULT 0;
COMMENT ON TABLE sma.series_days IS 'Events of each series on each day (UTC) of their event time.';
COMMENT ON COLUMN sma.series_days.event_count IS 'events that are not late';

INSERT INTO sma.series_days AS held (
    kafka_partition, customer, metric, day, event_count, late_event_count, next_offset
)
SELECT
    kafka_partition,
    customer,
    metric,
    DATE '1970-01-01' + floor(event_time_ms / 86400000.0)::integer,
    0,
    count(*),
    max(kafka_offset) + 1
FROM sma.late_events
GROUP BY 1, 2, 3, 4
ON CONFLICT (kafka_partition, day, customer, metric) DO UPDATE
SET late_event_count = excluded.late_event_count;

-- to follow one series from day to day
CREATE INDEX series_days_customer_metric_idx ON sma.series_days (customer, metric, day, kafka_partition);

CREATE TABLE sma.log_days (
    day date NOT NULL,
    kafka_partition integer NOT NULL,
    event_count bigint NOT NULL,
    late_event_count bigint NOT NULL,
    min_event_time_ms bigint NOT NULL,
    max_event_time_ms bigint NOT NULL,
    first_offset bigint,
    next_offset bigint NOT NULL DEFAULT 0,
    late_next_offset bigint NOT NULL DEFAULT 0,
    reaching_offset bigint NOT NULL DEFAULT 0,
    late_reaching_offset bigint NOT NULL DEFAULT 0,
    late_reaching_since timestamptz,
    PRIMARY KEY (day, kafka_partition)
);
COMMENT ON TABLE sma.log_days IS 'The events of each day (UTC) of event time in each partition, and how far in the log they go.';
COMMENT ON COLUMN sma.log_days.event_count IS 'events that are not late';
COMMENT ON COLUMN sma.log_days.min_event_time_ms IS 'of all events of the day, late ones included';
COMMENT ON COLUMN sma.log_days.first_offset IS
    'first Kafka offset of the first block of the offset index that holds an event of the day; null where all are late';
COMMENT ON COLUMN sma.log_days.next_offset IS 'one past the last event of the day that is not late';
COMMENT ON COLUMN sma.log_days.late_next_offset IS 'one past the last late event of the day';
COMMENT ON COLUMN sma.log_days.reaching_offset IS
    'one past the last event of an earlier day, not late, that windows of N events of this day may hold; 0: none is known that came after events of this day';
COMMENT ON COLUMN sma.log_days.late_reaching_offset IS 'the same of late events';
COMMENT ON COLUMN sma.log_days.late_reaching_since IS
    'when the first of the late events was indexed that reach this day and that no batch result of it contains';
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON sma.log_days TO sma_batch;
GRANT SELECT ON sma.log_days TO sma_reader;

INSERT INTO sma.log_days (
    day,
    kafka_partition,
    event_count,
    late_event_count,
    min_event_time_ms,
    max_event_time_ms,
    first_offset,
    next_offset,
    late_next_offset
)
SELECT
    counted.day,
    counted.kafka_partition,
    counted.event_count,
    counted.late_event_count,
    least(late.min_ms, greatest(in_time.min_ms, day_start.ms)),
    greatest(late.max_ms, least(in_time.max_ms, day_start.ms + 86399999)),
    CASE WHEN counted.event_count > 0 THEN in_time.first_offset END,
    CASE WHEN counted.event_count > 0 THEN counted.next_offset ELSE 0 END,
    coalesce(late.next_offset, 0)
FROM (
    SELECT
        kafka_partition,
        day,
        sum(event_count) AS event_count,
        sum(late_event_count) AS late_event_count,
        max(next_offset) FILTER (WHERE event_count > 0) AS next_offset
    FROM sma.series_days
    GROUP BY kafka_partition, day
) AS counted
CROSS JOIN LATERAL (
    SELECT (counted.day - DATE '1970-01-01')::bigint * 86400000 AS ms
) AS day_start
LEFT JOIN LATERAL (
    SELECT
        min(block.min_event_time_ms) AS min_ms,
        max(block.max_event_time_ms) AS max_ms,
        min(block.first_offset) AS first_offset
    FROM sma.offset_blocks AS block
    WHERE counted.event_count > 0
        AND block.kafka_partition = counted.kafka_partition
        AND block.max_event_time_ms >= day_start.ms
        AND block.min_event_time_ms <= day_start.ms + 86399999
) AS in_time ON true
LEFT JOIN LATERAL (
    SELECT
        min(late_event.event_time_ms) AS min_ms,
        max(late_event.event_time_ms) AS max_ms,
        max(late_event.kafka_offset) + 1 AS next_offset
    FROM sma.late_events AS late_event
    WHERE late_event.kafka_partition = counted.kafka_partition
        AND late_event.event_time_ms >= day_start.ms
        AND late_event.event_time_ms <= day_start.ms + 86399999
) AS late ON true
WHERE counted.event_count + counted.late_event_count > 0;

-- how far windows of N events reach: as the passes after this one work it out
WITH following AS (
    SELECT
        kafka_partition,
        customer,
        metric,
        day,
        CASE WHEN event_count > 0 THEN held.next_offset ELSE 0 END AS next_offset,
        coalesce(late.next_offset, 0) AS late_next_offset,
        coalesce(lead(day) OVER series, day) AS next_day,
        (sum(event_count + late_event_count) OVER series)::bigint AS events_through
    FROM sma.series_days AS held
    LEFT JOIN (
        SELECT
            kafka_partition,
            customer,
            metric,
            DATE '1970-01-01' + floor(event_time_ms / 86400000.0)::integer AS day,
            max(kafka_offset) + 1 AS next_offset
        FROM sma.late_events
        GROUP BY 1, 2, 3, 4
    ) AS late USING (kafka_partition, customer, metric, day)
    WINDOW series AS (PARTITION BY kafka_partition, customer, metric ORDER BY day)
),
reach AS (
    SELECT
        kafka_partition,
        day,
        next_offset,
        late_next_offset,
        max(next_day) OVER (
            PARTITION BY kafka_partition, customer, metric
            ORDER BY events_through
            RANGE BETWEEN CURRENT ROW AND (SELECT coalesce(max(window_events), 1) - 1 FROM sma.averages) FOLLOWING
        ) AS last_day
    FROM following
),
span AS (
    SELECT
        kafka_partition,
        day,
        last_day,
        max(next_offset) AS next_offset,
        max(late_next_offset) AS late_next_offset
    FROM reach
    WHERE last_day > day
        AND EXISTS (SELECT FROM sma.averages WHERE window_events IS NOT NULL)
    GROUP BY kafka_partition, day, last_day
)
UPDATE sma.log_days AS held
SET reaching_offset = reached.next_offset,
    late_reaching_offset = reached.late_next_offset,
    late_reaching_since = CASE WHEN reached.late_next_offset > 0 THEN now() END
FROM (
    SELECT
        later.kafka_partition,
        later.day,
        max(span.next_offset) AS next_offset,
        max(span.late_next_offset) AS late_next_offset
    FROM span
    INNER JOIN sma.log_days AS later
        ON later.kafka_partition = span.kafka_partition
        AND later.day > span.day
        AND later.day <= span.last_day
    GROUP BY later.kafka_partition, later.day
) AS reached
WHERE reached.kafka_partition = held.kafka_partition
    AND reached.day = held.day;
