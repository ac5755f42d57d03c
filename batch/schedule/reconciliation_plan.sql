-- Statement of reconciliation_plan: it reads what the newest reconciliation of each asked day and average has found.

-- read_newest_reconciliations --
SELECT
    max(reconciled_at),
    coalesce(sum(unexplained), 0)::bigint
FROM (
    SELECT DISTINCT ON (day, average)
        reconciled_at,
        unexplained
    FROM sma.reconciliations
    WHERE average = ANY(%(averages)s)
        AND (day >= %(start)s OR %(start)s::date IS NULL)
        AND (day <= %(end)s OR %(end)s::date IS NULL)
    ORDER BY day, average, reconciled_at DESC
) AS newest
