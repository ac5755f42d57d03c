-- View of the windows in which a reconciliation found a difference, each with the command that traces it. The views that
-- reports read have no such column: their columns are a contract with the semantic model.
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
