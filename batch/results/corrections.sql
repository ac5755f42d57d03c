-- Statements of corrections: they record which batch rows a later run changed.

-- copy_corrections --
COPY sma.corrections (
    run_id,
    customer,
    metric,
    average,
    as_of,
    value_sum_before,
    event_count_before,
    value_sum_after,
    event_count_after
)
FROM STDIN (FORMAT csv)
