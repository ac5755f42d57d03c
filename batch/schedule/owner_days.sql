-- Statements of owner_days: they select the days that own rows by the offset index, and those that have stored rows.

-- read_owner_days --
-- from the first row that the events of a day make to the last, each day with a grid point
WITH made AS (
    SELECT
        sma.grid_point_after(min(min_event_time_ms), %(every_ms)s, %(offset_ms)s) AS first_ms,
        sma.last_grid_point(max(max_event_time_ms), %(every_ms)s, %(offset_ms)s, %(length_ms)s) AS last_ms
    FROM sma.log_days
    WHERE %(customer)s::text IS NULL
        OR day IN (SELECT present.day FROM sma.series_days AS present WHERE present.customer = %(customer)s)
    GROUP BY day
),
owner AS (
    SELECT DISTINCT owned::date AS day
    FROM made
    CROSS JOIN LATERAL generate_series(
        sma.day_of_ms(made.first_ms)::timestamp, sma.day_of_ms(made.last_ms)::timestamp, INTERVAL '1 day'
    ) AS owned
    WHERE made.first_ms <= %(until_ms)s
)
SELECT day
FROM owner
WHERE sma.grid_point_after(sma.day_start_ms(day) - 1, %(every_ms)s, %(offset_ms)s)
    <= least(sma.day_start_ms(day + 1) - 1, %(until_ms)s)

-- read_stored_days --
-- one step of the index for each day that has rows, whatever their number
WITH RECURSIVE stored AS (
    (
        SELECT sma.day_of(as_of) AS day
        FROM sma.{table}
        WHERE {is_present}
        ORDER BY as_of
        LIMIT 1
    )
    UNION ALL
    SELECT following.day
    FROM stored
    CROSS JOIN LATERAL (
        SELECT sma.day_of(as_of) AS day
        FROM sma.{table}
        WHERE as_of >= (stored.day + 1)::timestamp AT TIME ZONE 'UTC'
            AND {is_present}
        ORDER BY as_of
        LIMIT 1
    ) AS following
)
SELECT day
FROM stored

-- read_result_days --
SELECT DISTINCT day
FROM sma.batch_days
