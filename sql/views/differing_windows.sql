-- Every window in which a reconciliation found the layers to differ, with the command that traces it. The views that reports
-- read have no such column: theirs are a contract with the semantic model.
CREATE OR REPLACE VIEW sma.differing_windows AS
SELECT
    run_id,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum,
    stream_event_count,
    batch_value_sum,
    batch_event_count,
    reconciled_at,
    sma.explain_command(customer, metric, average, as_of) AS explain
FROM sma.differences;
