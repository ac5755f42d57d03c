-- Statement of due_days: it reads when the stored rows of each day were last compared with the log, or counted.

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
