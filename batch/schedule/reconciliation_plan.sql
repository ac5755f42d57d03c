-- Statement of reconciliation_plan: it reads what the newest reconciliation of each day and average has found.

-- read_newest_reconciliations --
SELECT
    max(reconciled_at),
    coalesce(sum(unexplained), 0)::bigint
FROM (
    SELECT DISTINCT ON (day, average)
        reconciled_at,
        unexplained
    FROM sma.reconciliations
    ORDER BY day, average, reconciled_at DESC
) AS newest
