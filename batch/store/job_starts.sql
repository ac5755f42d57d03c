-- Statement of job_starts: it reads what the job computes since its newest start.

-- read_newest_start --
SELECT
    generation,
    watermark_delay_ms,
    allowed_lateness_ms,
    max_ahead_ms,
    averages
FROM sma.job_starts
ORDER BY start_id DESC
LIMIT 1
