-- Statements of due_days: they read when each day was last compared with the log, and which rows nobody can compare.

-- read_last_audits --
-- a day that was computed again was compared with the log then, whoever did it
SELECT
    result.day,
    extract(epoch FROM now() - min(greatest(result.written_at, audit.audited_at)))::float
FROM sma.batch_days AS result
LEFT JOIN (
    SELECT
        day,
        average,
        max(audited_at) AS audited_at
    FROM sma.audits
    GROUP BY day, average
) AS audit USING (day, average)
WHERE result.average = ANY(%(averages)s)
    AND result.day >= %(first_day)s::date
GROUP BY result.day

-- read_standing --
-- the newest audit found rows of a day without a result, which nobody can compare
SELECT
    day,
    average
FROM (
    SELECT DISTINCT ON (day, average)
        day,
        average,
        damaged
    FROM sma.audits
    ORDER BY day, average, audited_at DESC
) AS newest
WHERE damaged > 0
    AND NOT EXISTS (
        SELECT
        FROM sma.batch_days AS result
        WHERE result.day = newest.day
    )
