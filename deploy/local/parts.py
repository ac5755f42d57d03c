"""Names the parts of the local stack and the processes of each.

It imports nothing: the completion of `sma logs` reads it at each press of the tab key.
"""

PARTS = ("kafka", "timescaledb", "flink", "dagster", "prometheus", "overview")
PROGRAMS = {
    "kafka": ("kafka",),
    "timescaledb": ("postgres",),
    "flink": ("flink-jobmanager", "flink-taskmanager"),
    "dagster": ("dagster-code", "dagster-webserver", "dagster-daemon", "heartbeats"),
    "prometheus": ("exporter", "prometheus", "alertmanager"),
    "overview": ("overview",),
}
