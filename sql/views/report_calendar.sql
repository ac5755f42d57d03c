-- Views of the days that reports show.

-- the months (UTC) in which either layer has a row, from one to the next by an index. So a single row of another century
-- adds a month, and not the decades between; a row ahead of the clock adds none.
CREATE OR REPLACE VIEW sma.served_months AS
WITH RECURSIVE served (month) AS (
    SELECT date_trunc('month', sma.report_start() AT TIME ZONE INTERVAL '0') - INTERVAL '1 month'
    UNION ALL
    SELECT date_trunc('month', least(streamed.as_of, computed.as_of) AT TIME ZONE INTERVAL '0')
    FROM served
    CROSS JOIN LATERAL (
        SELECT min(as_of) AS as_of
        FROM sma.streaming_averages
        WHERE as_of >= (served.month + INTERVAL '1 month') AT TIME ZONE INTERVAL '0' AND as_of <= now()
    ) AS streamed
    CROSS JOIN LATERAL (
        SELECT min(as_of) AS as_of
        FROM sma.batch_averages
        WHERE as_of >= (served.month + INTERVAL '1 month') AT TIME ZONE INTERVAL '0' AND as_of <= now()
    ) AS computed
    WHERE streamed.as_of IS NOT NULL OR computed.as_of IS NOT NULL
)
SELECT month
FROM served
WHERE month >= sma.report_start() AT TIME ZONE INTERVAL '0';

-- the days of those months, up to today; a week is named with its ISO year, since the first days of January may lie in the
-- last week of the year before
CREATE OR REPLACE VIEW serving.calendar AS
SELECT
    day::date AS date,
    extract(year FROM day)::int AS year,
    extract(quarter FROM day)::int AS quarter,
    extract(month FROM day)::int AS month,
    to_char(day, 'FMMonth') AS month_name,
    to_char(day, 'IYYY-"W"IW') AS iso_week,
    extract(day FROM day)::int AS day,
    extract(isodow FROM day)::int AS weekday,
    to_char(day, 'FMDay') AS weekday_name
FROM sma.served_months
CROSS JOIN LATERAL generate_series(
    month,
    least(month + INTERVAL '1 month' - INTERVAL '1 day', now() AT TIME ZONE INTERVAL '0'),
    INTERVAL '1 day'
) AS day;

GRANT SELECT ON serving.calendar TO sma_serving, sma_reader;
