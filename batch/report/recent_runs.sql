-- Statements of recent_runs: they read how many days runs have reconciled, or computed so far.

-- read_days_of_runs --
SELECT
    run_id,
    count(DISTINCT day)
FROM sma.reconciliations
GROUP BY run_id
ORDER BY max(reconciled_at) DESC
LIMIT %(most)s

-- count_computed --
SELECT count(DISTINCT day)
FROM sma.batch_days
WHERE run_id = ANY(%(run_ids)s)
