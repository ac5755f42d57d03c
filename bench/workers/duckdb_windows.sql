-- In DuckDB: the four averages of what has arrived, each emitted on the minute.
CREATE TABLE events AS
SELECT
    customer,
    metric,
    event_time,
    event_time // 60000 * 60000 AS minute,
    value::DECIMAL(18, 6) AS value,
    row_number() OVER () AS place
FROM arrived;

CREATE TABLE last AS
SELECT
    customer,
    metric,
    minute + 60000 AS as_of_ms,
    sum(value) OVER last_20 AS last_20,
    count(*) OVER last_20 AS last_20_count,
    sum(value) OVER last_2000 AS last_2000,
    count(*) OVER last_2000 AS last_2000_count
FROM events
WINDOW
    series AS (PARTITION BY customer, metric ORDER BY event_time, place),
    last_20 AS (PARTITION BY customer, metric ORDER BY event_time, place ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
    last_2000 AS (PARTITION BY customer, metric ORDER BY event_time, place ROWS BETWEEN 1999 PRECEDING AND CURRENT ROW)
QUALIFY lead(minute) OVER series IS DISTINCT FROM minute;

-- the events of a minute enter and leave a window together, so minutes are summed up first; the grid has all of them
CREATE TABLE durations AS
WITH minutes AS (
    SELECT
        customer,
        metric,
        minute,
        sum(value) AS value_sum,
        count(*) AS event_count
    FROM events
    GROUP BY ALL
),
spans AS (
    SELECT
        customer,
        metric,
        min(minute) AS first_minute,
        max(minute) AS last_minute
    FROM minutes
    GROUP BY ALL
),
grid AS (
    SELECT
        customer,
        metric,
        unnest(range(first_minute, last_minute + 86400000, 60000)) AS minute
    FROM spans
)
SELECT
    customer,
    metric,
    minute + 60000 AS as_of_ms,
    sum(value_sum) OVER hour AS hour,
    sum(event_count) OVER hour AS hour_count,
    sum(value_sum) OVER day AS day,
    sum(event_count) OVER day AS day_count
FROM grid
LEFT JOIN minutes USING (customer, metric, minute)
WINDOW
    hour AS (PARTITION BY customer, metric ORDER BY minute ROWS BETWEEN 59 PRECEDING AND CURRENT ROW),
    day AS (PARTITION BY customer, metric ORDER BY minute ROWS BETWEEN 1439 PRECEDING AND CURRENT ROW);
