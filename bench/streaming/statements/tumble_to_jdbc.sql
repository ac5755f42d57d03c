-- Each second, into the database.
INSERT INTO averages
SELECT
    customer,
    metric,
    'second',
    CAST(window_end AS TIMESTAMP(3)),
    SUM(`value`),
    COUNT(`value`),
    MAX(kafka_offset)
FROM TUMBLE(TABLE events, DESCRIPTOR(occurred_at), INTERVAL '1' SECOND)
GROUP BY
    customer,
    metric,
    window_start,
    window_end
