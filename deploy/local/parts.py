"""Names the parts of the local stack and the processes of each.

It imports nothing: the completion of `sma logs` reads it at each press of the tab key.
"""

PARTS = ("kafka", "timescaledb", "flink", "dagster", "prometheus", "overview")
DAGSTER_DAEMON = "dagster-daemon"
PROGRAMS = {
    "kafka": ("kafka",),
    "timescaledb": ("postgres",),
    "flink": ("flink-jobmanager", "flink-taskmanager"),
    "dagster": ("dagster-code", "dagster-webserver", DAGSTER_DAEMON, "heartbeats"),
    "prometheus": ("exporter", "prometheus", "alertmanager"),
    "overview": ("overview",),
}
BROKERS = ("kafka", "kafka-2", "kafka-3")
TOKEN_SERVER = "kafka-tokens"  # noqa: S105 - a process
OPTIONAL_PROGRAMS = {"kafka": (*BROKERS[1:], TOKEN_SERVER)}  # by part: those that run only where they were chosen
