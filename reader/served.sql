-- Statements of served: they read the rows that readers see, as text from which no digit is missing.

-- copy_rows --
-- A name that is null selects any: the planner drops its condition. as_of in microseconds since the Unix epoch.
COPY (
    SELECT
        customer,
        metric,
        average,
        (extract(epoch FROM as_of) * 1000000)::bigint,
        value_sum,
        event_count,
        is_full,
        sma,
        source,
        is_final
    FROM {view}
    WHERE as_of >= {from_time}
        AND as_of < {until_time}
        AND ({customer}::text IS NULL OR customer = {customer})
        AND ({metric}::text IS NULL OR metric = {metric})
        AND ({average}::text IS NULL OR average = {average})
        AND (NOT {is_final_only} OR is_final)
    {order}
)
TO STDOUT (FORMAT csv)

-- find_own_view --
-- whether the search path leads to a view of this name, as that of a customer's role does
SELECT to_regclass('moving_averages') IS NOT NULL

-- first_as_of --
-- of any stored row, found in an index: no served row is earlier
SELECT
    least(
        (SELECT min(as_of) FROM sma.streaming_averages WHERE as_of >= {from_time}),
        (SELECT min(as_of) FROM sma.batch_averages WHERE as_of >= {from_time})
    )
