-- Statements of stored_records: they read everything that is stored about one window. Sums leave as whole micro-units.

-- read_served --
SELECT
    source,
    is_final,
    sma,
    sma.micros(value_sum),
    event_count,
    is_full
FROM serving.moving_averages
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of = %(as_of)s

-- read_streamed --
SELECT
    sma.micros(value_sum),
    event_count,
    serving.average(value_sum, event_count),
    written_at,
    newest_offset
FROM sma.streaming_averages
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of = %(as_of)s
    AND generation = (SELECT sma.present_generation())

-- read_computed --
SELECT
    sma.micros(value_sum),
    event_count,
    serving.average(value_sum, event_count),
    written_at
FROM sma.batch_averages
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of = %(as_of)s

-- read_result --
SELECT
    read_to,
    low_watermark,
    lagging,
    run_id,
    written_at
FROM sma.batch_days
WHERE day = %(day)s
    AND average = %(average)s

-- read_reconciliations --
SELECT
    run_id,
    reconciled_at,
    windows_compared,
    equal,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained
FROM sma.reconciliations
WHERE day = %(day)s
    AND average = %(average)s
ORDER BY reconciled_at DESC

-- read_differences --
SELECT
    run_id,
    reconciled_at,
    class,
    is_explained,
    late_event_count,
    sma.micros(stream_value_sum),
    stream_event_count,
    sma.micros(batch_value_sum),
    batch_event_count
FROM sma.differences
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of = %(as_of)s
ORDER BY reconciled_at DESC

-- read_corrections --
SELECT
    run_id,
    corrected_at,
    sma.micros(value_sum_before),
    event_count_before,
    sma.micros(value_sum_after),
    event_count_after
FROM sma.corrections
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of = %(as_of)s
ORDER BY corrected_at DESC

-- read_unsettled --
SELECT reason
FROM serving.unsettled
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND from_as_of <= %(as_of)s
    AND (until_as_of > %(as_of)s OR until_as_of IS NULL)
ORDER BY reason
