-- Statements of series_windows: they read the windows of one series in both layers, and what reconciliations found.

-- read_newest --
-- a row ahead of the clock, which an event with a wrong time makes, is not the newest
SELECT
    sma.epoch_ms(greatest(streamed.as_of, computed.as_of))
FROM (
    SELECT max(as_of) AS as_of
    FROM sma.streaming_averages
    WHERE customer = %(customer)s
        AND metric = %(metric)s
        AND average = %(average)s
        AND generation = (SELECT sma.present_generation())
        AND as_of <= now()
) AS streamed
CROSS JOIN (
    SELECT max(as_of) AS as_of
    FROM sma.batch_averages
    WHERE customer = %(customer)s
        AND metric = %(metric)s
        AND average = %(average)s
        AND as_of <= now()
) AS computed

-- read_windows --
-- The layers differ as the newest reconciliation of the day found; a window that the batch layer has computed since is
-- compared here. A window is final as serving.moving_averages has it: its day was reconciled after it was computed.
WITH newest AS (
    SELECT DISTINCT ON (day)
        day,
        run_id,
        reconciled_at
    FROM sma.reconciliations
    WHERE average = %(average)s
        AND day BETWEEN sma.day_of(%(from_time)s) AND sma.day_of(%(until_time)s)
    ORDER BY day, reconciled_at DESC
),
found AS (
    SELECT
        difference.as_of,
        difference.is_explained,
        difference.late_event_count
    FROM newest
    JOIN sma.differences AS difference
        ON difference.run_id = newest.run_id
        AND sma.day_of(difference.as_of) = newest.day
    WHERE difference.customer = %(customer)s
        AND difference.metric = %(metric)s
        AND difference.average = %(average)s
        AND difference.as_of >= %(from_time)s
        AND difference.as_of < %(until_time)s
),
streamed AS (
    SELECT
        as_of,
        value_sum,
        event_count
    FROM sma.streaming_averages
    WHERE customer = %(customer)s
        AND metric = %(metric)s
        AND average = %(average)s
        AND generation = (SELECT sma.present_generation())
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
),
computed AS (
    SELECT
        as_of,
        value_sum,
        event_count,
        written_at
    FROM sma.batch_averages
    WHERE customer = %(customer)s
        AND metric = %(metric)s
        AND average = %(average)s
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
),
both_layers AS (
    SELECT
        coalesce(streamed.as_of, computed.as_of) AS as_of,
        serving.average(streamed.value_sum, streamed.event_count) AS stream,
        serving.average(computed.value_sum, computed.event_count) AS batch,
        (streamed.value_sum, streamed.event_count)
            IS DISTINCT FROM (computed.value_sum, computed.event_count) AS differs,
        computed.written_at
    FROM streamed
    FULL JOIN computed ON computed.as_of = streamed.as_of
)
SELECT
    sma.epoch_ms(both_layers.as_of),
    both_layers.stream,
    both_layers.batch,
    coalesce(
        newest.reconciled_at >= coalesce(both_layers.written_at, of_day.written_at)
        AND both_layers.as_of <= of_day.low_watermark,
        false
    ),
    CASE
        WHEN found.is_explained THEN 'explained'
        WHEN NOT found.is_explained THEN 'unexplained'
        WHEN both_layers.differs AND both_layers.as_of <= of_day.low_watermark THEN 'not reconciled'
    END,
    coalesce(found.late_event_count, 0)
FROM both_layers
LEFT JOIN found ON found.as_of = both_layers.as_of
LEFT JOIN newest ON newest.day = sma.day_of(both_layers.as_of)
LEFT JOIN sma.batch_days AS of_day
    ON of_day.day = sma.day_of(both_layers.as_of)
    AND of_day.average = %(average)s
ORDER BY both_layers.as_of
LIMIT %(most)s
