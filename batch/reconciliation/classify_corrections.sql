-- Statements of classify_corrections: they read corrections, and record which of them no new event explains.

-- read_unclassified --
SELECT
    run_id,
    day,
    average,
    read_to_before,
    low_watermark_before,
    corrections
FROM sma.corrected_days
WHERE unexplained IS NULL
    AND average = ANY(%(averages)s)
ORDER BY day, average, run_id

-- read_before --
-- some are classified when they are added: rows that no layer writes
SELECT
    customer,
    metric,
    sma.epoch_ms(as_of),
    sma.micros(value_sum_before),
    event_count_before
FROM sma.corrections
WHERE run_id = %(run_id)s
    AND average = %(average)s
    AND as_of >= %(from_time)s
    AND as_of < %(until_time)s
    AND is_explained IS NULL

-- classify_day --
UPDATE sma.corrected_days
SET unexplained = %(unexplained)s,
    classified_at = now()
WHERE run_id = %(run_id)s
    AND day = %(day)s
    AND average = %(average)s
    AND unexplained IS NULL

-- create_unexplained --
CREATE TEMPORARY TABLE IF NOT EXISTS unexplained (
    customer text NOT NULL,
    metric text NOT NULL,
    as_of timestamptz NOT NULL
) ON COMMIT DELETE ROWS

-- copy_unexplained --
COPY pg_temp.unexplained FROM STDIN (FORMAT csv)

-- classify_corrections --
UPDATE sma.corrections AS correction
SET is_explained = NOT EXISTS (
    SELECT
    FROM pg_temp.unexplained
    WHERE unexplained.customer = correction.customer
        AND unexplained.metric = correction.metric
        AND unexplained.as_of = correction.as_of
)
WHERE run_id = %(run_id)s
    AND average = %(average)s
    AND as_of >= %(from_time)s
    AND as_of < %(until_time)s
    AND is_explained IS NULL
