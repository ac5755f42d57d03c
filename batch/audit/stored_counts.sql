-- Statement of stored_counts: it reads what the newest reconciliation of each result counted.

-- read_counts_then --
SELECT
    result.day,
    result.average,
    result.row_count,
    reconciled.equal,
    reconciled.equal + reconciled.changed + reconciled.extra_in_stream
FROM sma.batch_days AS result
LEFT JOIN LATERAL (
    SELECT
        equal,
        changed,
        extra_in_stream
    FROM sma.reconciliations AS reconciliation
    WHERE reconciliation.day = result.day
        AND reconciliation.average = result.average
        AND reconciliation.reconciled_at >= result.written_at
    ORDER BY reconciled_at DESC
    LIMIT 1
) AS reconciled ON true
WHERE result.day = ANY(%(days)s)
    AND result.average = ANY(%(averages)s)
