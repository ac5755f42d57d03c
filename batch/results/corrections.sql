-- Statements of corrections: they record which batch rows a later run changed.

-- copy_corrections --
COPY sma.corrections (
    run_id,
    customer,
    metric,
    average,
    as_of,
    value_sum_before,
    event_count_before,
    value_sum_after,
    event_count_after
)
FROM STDIN (FORMAT csv)

-- add_corrected_day --
INSERT INTO sma.corrected_days (
    run_id,
    day,
    average,
    read_to_before,
    low_watermark_before,
    corrections,
    unexplained,
    classified_at
)
VALUES (
    %(run_id)s,
    %(day)s,
    %(average)s,
    %(read_to_before)s,
    %(low_watermark_before)s,
    %(corrections)s,
    CASE WHEN %(has_other_rules)s THEN 0 END,
    CASE WHEN %(has_other_rules)s THEN now() END
)
ON CONFLICT (run_id, day, average) DO UPDATE
SET corrections = corrected_days.corrections + excluded.corrections,
    unexplained = NULL,
    classified_at = NULL

-- explain_by_rules --
UPDATE sma.corrections
SET is_explained = true
WHERE run_id = %(run_id)s
    AND average = %(average)s
    AND as_of >= %(day)s::date::timestamp AT TIME ZONE 'UTC'
    AND as_of < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND is_explained IS NULL

-- clear_day --
WITH removed AS (
    DELETE FROM sma.batch_averages
    WHERE as_of >= %(from_time)s
        AND as_of < %(until_time)s
        AND average NOT IN (
            SELECT average
            FROM sma.batch_days
            WHERE day = %(day)s
        )
    RETURNING
        customer,
        metric,
        average,
        as_of,
        value_sum,
        event_count
),
recorded AS (
    INSERT INTO sma.corrections (
        run_id,
        customer,
        metric,
        average,
        as_of,
        value_sum_before,
        event_count_before,
        is_explained
    )
    SELECT
        %(run_id)s,
        customer,
        metric,
        average,
        as_of,
        value_sum,
        event_count,
        false
    FROM removed
)
INSERT INTO sma.corrected_days (
    run_id,
    day,
    average,
    corrections,
    unexplained,
    classified_at
)
SELECT
    %(run_id)s,
    %(day)s::date,
    average,
    count(*),
    count(*),
    now()
FROM removed
GROUP BY average
RETURNING
    average,
    corrections

-- remove_unreadable --
WITH removed AS (
    DELETE FROM sma.batch_averages
    WHERE average = %(average)s
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
        AND (value_sum = 'NaN' OR as_of <> date_trunc('milliseconds', as_of))
    RETURNING
        customer,
        metric,
        average,
        as_of,
        value_sum,
        event_count
)
INSERT INTO sma.corrections (
    run_id,
    customer,
    metric,
    average,
    as_of,
    value_sum_before,
    event_count_before,
    is_explained
)
SELECT
    %(run_id)s,
    customer,
    metric,
    average,
    as_of,
    value_sum,
    event_count,
    false
FROM removed
WHERE as_of <> date_trunc('milliseconds', as_of)
