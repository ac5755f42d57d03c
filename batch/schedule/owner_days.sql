-- Statements of owner_days: they select the days that own rows by the offset index, and those that have stored rows.

-- read_owner_days --
-- A day owns rows if it is as near to a day with events as the window is long, is between the first and the last row
-- that a block or a late event makes, and has a grid point. A block may hold events of days far apart: the days in
-- between have no events near them.
WITH event_day AS (
    SELECT DISTINCT day
    FROM sma.event_days
    WHERE customer = %(customer)s
        OR %(customer)s::text IS NULL
),
owner AS MATERIALIZED (
    SELECT DISTINCT owned::date AS day
    FROM event_day
    CROSS JOIN LATERAL generate_series(
        event_day.day::timestamp, event_day.day + %(owned_days)s::integer * INTERVAL '1 day', INTERVAL '1 day'
    ) AS owned
),
log_range AS MATERIALIZED (
    SELECT
        sma.day_of_ms(sma.grid_point_after(min_ms, %(every_ms)s, %(offset_ms)s)) AS first_day,
        sma.day_of_ms(sma.last_grid_point(max_ms, %(every_ms)s, %(offset_ms)s, %(length_ms)s)) AS made_day
    FROM (
        SELECT
            min_event_time_ms AS min_ms,
            max_event_time_ms AS max_ms
        FROM sma.offset_blocks
        WHERE event_count > 0
        UNION ALL
        SELECT
            event_time_ms,
            event_time_ms
        FROM sma.late_events
    ) AS placed
    WHERE sma.grid_point_after(min_ms, %(every_ms)s, %(offset_ms)s) <= %(until_ms)s
    GROUP BY 1, 2
)
SELECT day
FROM owner
WHERE sma.grid_point_after(sma.day_start_ms(day) - 1, %(every_ms)s, %(offset_ms)s)
    <= least(sma.day_start_ms(day + 1) - 1, %(until_ms)s)
    AND EXISTS (
        SELECT
        FROM log_range
        WHERE owner.day BETWEEN log_range.first_day AND log_range.made_day
    )

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
