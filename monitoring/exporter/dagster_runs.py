"""Reads from Dagster's GraphQL whether its daemons are alive, and how its runs end."""

import time
from collections import Counter

from prometheus_client.core import Metric

from clients.answers import ANSWER_TIMEOUT_S
from clients.dagster import ask
from monitoring.exporter.families import by_label, gauges
from sma.errors import SmaError
from sma.settings import DagsterSettings

_LOOK_BACK_S = 3_600
_MOST_RUNS = 1_000
_UNDER_WAY = {"QUEUED": "QUEUED", "NOT_STARTED": "QUEUED", "STARTING": "STARTED", "STARTED": "STARTED"}
_QUERY = """
query Monitoring($since: Float!, $most: Int!) {
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
  underWay: runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}, limit: $most) {
    ... on Runs { results { jobName status } }
    ... on PythonError { message }
  }
  ended: runsOrError(filter: {statuses: [SUCCESS, FAILURE, CANCELED], updatedAfter: $since}, limit: $most) {
    ... on Runs { results { jobName status } }
    ... on PythonError { message }
  }
}
"""


def look(settings: DagsterSettings) -> list[Metric]:
    """Read the metrics from Dagster.

    Raises:
        SmaError: it does not answer, or not as Dagster does.
    """
    data = ask(settings, _QUERY, {"since": time.time() - _LOOK_BACK_S, "most": _MOST_RUNS}, ANSWER_TIMEOUT_S)
    try:
        runs = [*data["underWay"]["results"], *data["ended"]["results"]]
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
    except (KeyError, TypeError) as error:
        raise SmaError(f"Dagster at {settings.dagster_url} does not answer as expected: no {error}") from error
    counts = Counter((run["jobName"], _UNDER_WAY.get(run["status"], run["status"])) for run in runs)
    healthy = [(daemon["daemonType"], float(bool(daemon["healthy"]))) for daemon in daemons if daemon["required"]]
    return [
        by_label("sma_dagster_daemon_healthy", "Whether the daemon has reported lately", "daemon", healthy),
        gauges("sma_dagster_runs", "Runs under way, and ended within an hour", ["job", "status"], counts),
    ]
