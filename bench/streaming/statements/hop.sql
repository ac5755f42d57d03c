-- A minute, emitted every second.
INSERT INTO nowhere
SELECT
    customer,
    metric,
    window_end,
    SUM(`value`),
    COUNT(`value`)
FROM HOP(
    TABLE events,
    DESCRIPTOR(occurred_at),
    INTERVAL '1' SECOND,
    INTERVAL '60' SECOND
)
GROUP BY
    customer,
    metric,
    window_start,
    window_end
