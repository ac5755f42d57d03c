-- Statements of accounted: they remember up to where the newest run has accounted for the records.

-- read_accounted --
SELECT
    run_id,
    late_to,
    rejected_to
FROM (
    SELECT *
    FROM sma.accounted
    ORDER BY accounted_id DESC
    LIMIT 1
) AS newest
WHERE generation = %(generation)s

-- read_accounts --
SELECT
    kafka_partition,
    read_from,
    read_to,
    records,
    events_used,
    late_events,
    rejected_events,
    heartbeats,
    mismatched
FROM sma.accounting
WHERE run_id = %(run_id)s

-- add_accounted --
INSERT INTO sma.accounted (run_id, generation, late_to, rejected_to)
VALUES (%(run_id)s, %(generation)s, %(late_to)s, %(rejected_to)s)
