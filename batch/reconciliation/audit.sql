-- Statements of audit: they add the counts, differences and accounts of a reconciliation to the audit trail.

-- create_differing --
CREATE TEMPORARY TABLE IF NOT EXISTS differing (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    class text NOT NULL,
    is_explained boolean NOT NULL,
    late_event_count bigint NOT NULL,
    stream_value_sum_micros numeric(38, 0),
    stream_event_count bigint,
    batch_value_sum_micros numeric(38, 0),
    batch_event_count bigint,
    of_one_partition boolean NOT NULL
) ON COMMIT DELETE ROWS

-- copy_differing --
COPY pg_temp.differing FROM STDIN (FORMAT csv)

-- add_differences --
INSERT INTO sma.differences (
    run_id,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum,
    stream_event_count,
    batch_value_sum,
    batch_event_count,
    of_one_partition,
    reconciled_at
)
SELECT
    %(run_id)s,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum_micros * 0.000001,
    stream_event_count,
    batch_value_sum_micros * 0.000001,
    batch_event_count,
    of_one_partition,
    %(reconciled_at)s
FROM pg_temp.differing

-- add_reconciliation --
INSERT INTO sma.reconciliations (
    run_id,
    day,
    average,
    windows_compared,
    equal,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained,
    of_one_partition,
    read_to,
    duration_seconds,
    reconciled_at
)
VALUES (
    %(run_id)s,
    %(day)s,
    %(average)s,
    %(windows_compared)s,
    %(equal)s,
    %(changed)s,
    %(missing_in_stream)s,
    %(extra_in_stream)s,
    %(explained)s,
    %(unexplained)s,
    %(of_one_partition)s,
    %(read_to)s,
    %(duration_seconds)s,
    %(reconciled_at)s
)

-- add_account --
INSERT INTO sma.accounting (
    run_id,
    kafka_partition,
    read_from,
    read_to,
    records,
    events_used,
    late_events,
    rejected_events,
    heartbeats,
    mismatched
)
VALUES (
    %(run_id)s,
    %(kafka_partition)s,
    %(read_from)s,
    %(read_to)s,
    %(records)s,
    %(events_used)s,
    %(late_events)s,
    %(rejected_events)s,
    %(heartbeats)s,
    %(mismatched)s
)
