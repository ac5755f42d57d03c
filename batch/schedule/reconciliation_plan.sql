-- Statement of reconciliation_plan: it reads when a day was last reconciled.

-- read_last_reconciled --
SELECT max(reconciled_at)
FROM sma.reconciliations
