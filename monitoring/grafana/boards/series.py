"""The dashboard of one series: the served value, the streamed value, and the source of each row."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import board, choice, sql_lines, sql_table

_OF_ONE = """customer = ${customer:sqlstring}
    AND metric = ${metric:sqlstring}
    AND average = ${average:sqlstring}"""
_SERVED = f"""
SELECT
    as_of AS time,
    source AS metric,
    sma AS value
FROM serving.moving_averages
WHERE {_OF_ONE}
    AND $__timeFilter(as_of)
ORDER BY as_of
"""
_STREAM = f"""
SELECT
    as_of AS time,
    'stream' AS metric,
    serving.average(value_sum, event_count) AS value
FROM sma.streaming_averages
WHERE {_OF_ONE}
    AND $__timeFilter(as_of)
UNION ALL
SELECT
    as_of,
    'batch',
    serving.average(value_sum, event_count)
FROM sma.batch_averages
WHERE {_OF_ONE}
    AND $__timeFilter(as_of)
ORDER BY time
"""
_EVENTS = f"""
SELECT
    as_of AS time,
    'events' AS metric,
    event_count AS value
FROM serving.moving_averages
WHERE {_OF_ONE}
    AND $__timeFilter(as_of)
ORDER BY as_of
"""
_ROWS = f"""
SELECT
    as_of,
    sma,
    value_sum,
    event_count,
    is_full,
    source,
    is_final
FROM serving.moving_averages
WHERE {_OF_ONE}
    AND $__timeFilter(as_of)
ORDER BY as_of DESC
LIMIT 500
"""


def build() -> Dashboard:
    """Return the dashboard."""
    return (
        board("sma-series", "One series", "What readers see of one series and average.", since="now-24h")
        .with_variable(choice("customer", "SELECT DISTINCT customer FROM serving.series ORDER BY customer"))
        .with_variable(
            choice("metric", "SELECT metric FROM serving.series WHERE customer = ${customer:sqlstring} ORDER BY metric")
        )
        .with_variable(choice("average", "SELECT average FROM serving.averages ORDER BY average"))
        .with_panel(sql_lines("Served", "short", "The batch result where there is one, else the stream's row", _SERVED))
        .with_panel(sql_lines("Stream and batch", "short", "The value of each layer", _STREAM))
        .with_panel(sql_lines("Events in the window", "short", "How many", _EVENTS))
        .with_panel(sql_table("Rows", "sma explain CUSTOMER METRIC AVERAGE AS_OF shows how one was computed", _ROWS))
    )
