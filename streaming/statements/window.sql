-- One average: a row for each series and grid point whose window holds an event; the exact sum and the count.
SELECT
    customer,
    metric,
    $average AS average,
    window_end AS as_of,
    SUM(`value`) AS value_sum,
    COUNT(*) AS event_count,
    CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) AS written_at
FROM TABLE(HOP(TABLE in_time, DESCRIPTOR(event_time), $every, $window))
GROUP BY
    customer,
    metric,
    window_start,
    window_end
