-- Statements of batch_results: they claim, replace and record the batch results of a day.

-- claim_day --
-- the first result of a day makes its row; whoever comes second waits here for the first
INSERT INTO sma.batch_days (day, average, read_to, low_watermark, lagging, row_count, run_id, resume_key)
VALUES (%(day)s, %(average)s, %(read_to)s, %(low_watermark)s, %(lagging)s, 0, %(run_id)s, %(resume_key)s)
ON CONFLICT (day, average) DO NOTHING

-- lock_day --
SELECT
    read_to,
    low_watermark,
    coalesce(max_ahead_ms <> %(max_ahead_ms)s, false),
    lagging
FROM sma.batch_days
WHERE day = %(day)s
    AND average = %(average)s
FOR UPDATE

-- record_day --
UPDATE sma.batch_days
SET read_to = %(read_to)s,
    low_watermark = %(low_watermark)s,
    lagging = %(lagging)s,
    row_count = %(row_count)s,
    max_ahead_ms = %(max_ahead_ms)s,
    run_id = %(run_id)s,
    resume_key = %(resume_key)s,
    written_at = now()
WHERE day = %(day)s
    AND average = %(average)s

-- read_days --
SELECT
    day,
    average,
    read_to,
    low_watermark,
    lagging
FROM sma.batch_days
WHERE day = ANY(%(days)s)
    AND average = ANY(%(averages)s)
ORDER BY day, average

-- read_finished --
SELECT
    day,
    average
FROM sma.batch_days
WHERE resume_key = %(resume_key)s

-- forget_key --
UPDATE sma.batch_days
SET resume_key = NULL
WHERE resume_key = %(resume_key)s
    AND day = ANY(%(days)s)
