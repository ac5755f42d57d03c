-- The last N events at each event, in event-time order.
INSERT INTO nowhere
SELECT
    customer,
    metric,
    occurred_at,
    SUM(`value`) OVER last_events,
    COUNT(`value`) OVER last_events
FROM events
WINDOW last_events AS (
    PARTITION BY customer, metric
    ORDER BY occurred_at
    ROWS BETWEEN $preceding PRECEDING AND CURRENT ROW
)
