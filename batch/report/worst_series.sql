-- Statements of worst_series: they read the rows of one series that a chart is drawn from.

-- read_series --
SELECT
    sma.epoch_ms(as_of),
    (value_sum / event_count)::float
FROM {table}
WHERE customer = %(customer)s
    AND metric = %(metric)s
    AND average = %(average)s
    AND as_of >= %(from_time)s
    AND as_of < %(until_time)s
ORDER BY as_of
