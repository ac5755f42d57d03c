-- Statements of latest: they find the newest served row of each average of a customer by steps through indexes.

-- newest_rows --
-- A row ahead of the clock, which an event with a wrong time makes, is not the newest. Of the stream's rows only those
-- count for which there is no batch result, as in serving.moving_averages. Rows are compared as a whole, so that the
-- planner takes the index of the key: with three equalities it may walk the one of as_of, past all other series.
WITH RECURSIVE streamed (metric) AS (
    (
        SELECT metric
        FROM sma.streaming_averages
        WHERE customer = %(customer)s
        ORDER BY metric
        LIMIT 1
    )
    UNION ALL
    SELECT following.metric
    FROM streamed
    CROSS JOIN LATERAL (
        SELECT stated.metric
        FROM sma.streaming_averages AS stated
        WHERE stated.customer = %(customer)s
            AND stated.metric > streamed.metric
        ORDER BY stated.metric
        LIMIT 1
    ) AS following
),
known (metric) AS (
    SELECT metric FROM streamed
    UNION
    SELECT metric FROM sma.indexed_series WHERE customer = %(customer)s
),
spans AS MATERIALIZED (
    SELECT
        average,
        from_time,
        until_time
    FROM sma.open_spans()
)
SELECT
    served.metric,
    served.average,
    served.as_of,
    served.sma,
    served.value_sum,
    served.event_count,
    served.is_full,
    served.source,
    served.is_final
FROM known
CROSS JOIN sma.averages AS definition
CROSS JOIN LATERAL (
    SELECT
        greatest(
            (
                SELECT as_of
                FROM sma.batch_averages
                WHERE customer = %(customer)s
                    AND (metric, average, as_of) >= (known.metric, definition.name, '-infinity')
                    AND (metric, average, as_of) <= (known.metric, definition.name, now())
                ORDER BY metric DESC, average DESC, as_of DESC
                LIMIT 1
            ),
            (
                SELECT max(last.as_of)
                FROM spans
                CROSS JOIN LATERAL (
                    SELECT as_of
                    FROM sma.streaming_averages
                    WHERE customer = %(customer)s
                        AND (metric, average, as_of) >= (known.metric, definition.name, spans.from_time)
                        AND (metric, average, as_of) < (known.metric, definition.name, spans.until_time)
                        AND (metric, average, as_of) <= (known.metric, definition.name, now())
                        AND generation = (SELECT sma.present_generation())
                    ORDER BY metric DESC, average DESC, as_of DESC
                    LIMIT 1
                ) AS last
                WHERE spans.average = definition.name
            )
        ) AS as_of
) AS newest
CROSS JOIN LATERAL (
    SELECT *
    FROM serving.moving_averages
    WHERE customer = %(customer)s
        AND metric = known.metric
        AND average = definition.name
        AND as_of = newest.as_of
    OFFSET 0
) AS served
WHERE (%(metric)s::text IS NULL OR known.metric = %(metric)s)
    AND (%(average)s::text IS NULL OR definition.name = %(average)s)
ORDER BY served.metric COLLATE "C", served.average COLLATE "C"

-- read_averages --
SELECT name
FROM sma.averages

-- read_series --
-- of all customers, for the names that one which is not there may stand for
SELECT
    customer,
    metric
FROM sma.every_series
