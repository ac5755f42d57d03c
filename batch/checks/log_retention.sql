-- Statements of log_retention: they measure how fast the log grows and how long a day takes to reconcile.

-- read_pace --
-- how far the log was at the first reconciliation of the last 24 hours, and how long ago that is
SELECT
    read_to,
    extract(epoch FROM clock_timestamp() - reconciled_at)::float
FROM sma.reconciliations
WHERE reconciled_at > clock_timestamp() - INTERVAL '1 day'
ORDER BY reconciled_at
LIMIT 1

-- read_seconds_per_day --
SELECT coalesce(max(extract(epoch FROM reconciled_at - computed_at) / days), 0)::float
FROM (
    SELECT
        reconciliation.run_id,
        max(reconciliation.reconciled_at) AS reconciled_at,
        min(result.written_at) AS computed_at,
        count(DISTINCT reconciliation.day) AS days
    FROM sma.reconciliations AS reconciliation
    INNER JOIN sma.batch_days AS result USING (run_id, day, average)
    WHERE reconciliation.reconciled_at > clock_timestamp() - INTERVAL '1 day'
    GROUP BY reconciliation.run_id
) AS run
