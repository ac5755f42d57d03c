-- Statements of trail: they add what an audit found to the audit trail, and read it.

-- add_audit --
INSERT INTO sma.audits (
    run_id,
    day,
    average,
    is_recomputed,
    corrections,
    unexplained_corrections,
    unexplained_differences,
    damaged
)
VALUES (
    %(run_id)s,
    %(day)s,
    %(average)s,
    %(is_recomputed)s,
    %(corrections)s,
    %(unexplained_corrections)s,
    %(unexplained_differences)s,
    %(damaged)s
)

-- read_audit --
SELECT
    day,
    average,
    is_recomputed,
    corrections,
    unexplained_corrections,
    unexplained_differences,
    damaged
FROM sma.audits
WHERE run_id = %(run_id)s
ORDER BY day, average

-- read_unexplained --
SELECT
    customer,
    metric,
    average,
    sma.epoch_ms(as_of),
    sma.micros(value_sum_before),
    event_count_before,
    sma.micros(value_sum_after),
    event_count_after
FROM sma.corrections
WHERE run_id = %(run_id)s
    AND NOT is_explained
ORDER BY
    abs(coalesce(value_sum_before, 0) - coalesce(value_sum_after, 0)) DESC,
    customer,
    metric,
    average,
    as_of
LIMIT %(most)s
