-- Reading and parsing alone.
INSERT INTO nowhere
SELECT
    customer,
    metric,
    event_time,
    `value`
FROM events
