-- The events that enter every window they belong to.
CREATE TEMPORARY VIEW in_time AS
SELECT
    customer,
    metric,
    `value`,
    event_time
FROM placed
WHERE customer IS NOT NULL AND time_ms > watermark_ms
