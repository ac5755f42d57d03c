"""Checks whether each part is up, as a client would, wherever the part runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from clients import dagster, postgres
from clients.answers import CHECK_TIMEOUT_S, HEALTH_TIMEOUT_S, Refused, Unanswered
from clients.flink import FlinkRest
from clients.http import get
from clients.kafka.connection import ask, require_answer
from clients.kafka.tokens import oauth_token
from deploy.local.services.render import INSTALL_DIR
from sma.errors import SmaError
from sma.settings import (
    DagsterSettings,
    DatabaseSettings,
    FlinkSettings,
    KafkaSettings,
    MonitoringSettings,
    Settings,
)


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a check: a reason if the part is not whole, its version if it answers.

    `is_final` means that waiting does not help: the part runs, but the code that it runs is at fault.
    """

    reason: str | None
    version: str | None = None
    is_final: bool = False

    @property
    def is_up(self) -> bool:
        """Whether the part answers as it should."""
        return self.reason is None

    @property
    def is_down(self) -> bool:
        """Whether it does not answer; with some of its brokers Kafka is not up, and not down either."""
        return self.reason is not None and self.version is None


def check_kafka(settings: KafkaSettings, since: float = 0) -> Health:
    """Ask for the cluster's brokers."""
    try:
        settings = settings.kafka_as("monitoring")
        require_answer(settings, HEALTH_TIMEOUT_S)
        nodes = ask(settings, _brokers)
    except SmaError as error:
        return Health(_reason(error))
    if not nodes:
        return Health("no broker has joined")
    is_whole = len(nodes) >= settings.kafka_brokers
    several = f", {len(nodes)} brokers" if settings.kafka_brokers > 1 else ""
    reason = None if is_whole else f"{len(nodes)} of {settings.kafka_brokers} brokers are up"
    return Health(reason, f"{_kafka_version()}{several}")


def _brokers(admin: AdminClient) -> list[Any]:
    """Describe the cluster, which takes no right to any topic, rather than list its topics."""
    described = admin.describe_cluster(request_timeout=HEALTH_TIMEOUT_S).result(HEALTH_TIMEOUT_S + 1)
    return list(described.nodes)


def check_token_server(settings: KafkaSettings) -> Health:
    """Ask the local Kafka's OAuth server for a token."""
    try:
        oauth_token(settings.kafka_as("monitoring"))
    except SmaError as error:
        return Health(_reason(error))
    return Health(None)


def _kafka_version() -> str | None:
    jars = sorted((INSTALL_DIR / "kafka").glob("kafka_2.13-*.jar"))
    return jars[-1].stem.removeprefix("kafka_2.13-") if jars else None


def check_timescaledb(settings: DatabaseSettings, since: float = 0) -> Health:
    """Ask for the server's version, and the extension's."""
    try:
        with _session(settings.database_url, "SMA_DATABASE_URL") as connection:
            row = connection.execute(
                """
                SELECT
                    split_part(current_setting('server_version'), ' ', 1),
                    (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'timescaledb')
                """
            ).fetchone()
    except SmaError as error:
        return Health(_reason(error))
    server, extension = row or ("", None)
    if extension is None:
        return Health("the database has no TimescaleDB yet: run `sma up`")
    return Health(None, f"PostgreSQL {server}, TimescaleDB {extension}")


def check_postgres(url: str) -> Health:
    """Ask a server whether it takes connections, whatever its databases hold."""
    try:
        with _session(SecretStr(url), "the URL") as connection:
            connection.execute("SELECT 1")
    except SmaError as error:
        return Health(_reason(error))
    return Health(None)


def _session(url: SecretStr, setting: str) -> AbstractContextManager[postgres.Connection]:
    return postgres.session(url, setting, "health", timeout_s=HEALTH_TIMEOUT_S)


def check_flink(settings: FlinkSettings, since: float = 0) -> Health:
    """Ask how many task managers have registered."""
    try:
        overview = FlinkRest(settings.flink_url, HEALTH_TIMEOUT_S).overview()
    except SmaError as error:
        return Health(_reason(error))
    if overview.get("taskmanagers", 0) < 1:
        return Health("no task manager has registered")
    return Health(None, overview.get("flink-version"))


def check_dagster(settings: DagsterSettings, since: float = 0) -> Health:
    """Ask whether the project's definitions load and every daemon is alive.

    Args:
        settings: where Dagster is.
        since: a daemon's heartbeat before this time, in seconds since the epoch, is one of an earlier daemon.
    """
    try:
        running_version = dagster.version(settings, HEALTH_TIMEOUT_S)
        data = dagster.ask(settings, _DAGSTER_QUERY, {}, CHECK_TIMEOUT_S)
    except SmaError as error:
        return Health(_reason(error))
    except KeyError:
        return Health(f"{settings.dagster_url} does not answer as Dagster {version('dagster')} does")
    fault = _code_fault(data["workspaceOrError"])
    if fault is not None:
        return Health(fault.reason, running_version, fault.is_final)
    return Health(_daemon_fault(data["instance"]["daemonHealth"]["allDaemonStatuses"], since), running_version)


def _code_fault(workspace: dict[str, Any]) -> Health | None:
    if "message" in workspace:
        return Health(dagster.first_line(workspace["message"]), is_final=True)
    entries = workspace["locationEntries"]
    if not entries:
        return Health("no code location is loaded", is_final=True)
    for entry in entries:
        error = entry["locationOrLoadError"]
        if error is None or _UNREACHABLE in _classes(error):
            return Health(f"code location {entry['name']} is loading")
        if "message" in error:
            return Health(f"code location {entry['name']}: {_last_line(error)}", is_final=True)
    return None


def _daemon_fault(daemons: list[dict[str, Any]], since: float) -> str | None:
    for daemon in daemons:
        if daemon["required"] and not (daemon["healthy"] and (daemon["lastHeartbeatTime"] or 0) >= since):
            return f"daemon {daemon['daemonType']} has not reported yet"
    return None


def _classes(error: dict[str, Any] | None) -> list[str]:
    """The classes of an error and its causes; none where it is not an error."""
    return [error.get("className", ""), *_classes(error.get("cause"))] if error else []


def _last_line(error: dict[str, Any]) -> str:
    """The deepest cause: what failed to import, rather than that something did."""
    while error.get("cause"):
        error = error["cause"]
    return dagster.first_line(error["message"])


_UNREACHABLE = "DagsterUserCodeUnreachableError"  # while the code server starts; Dagster tries again by itself
_DAGSTER_QUERY = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          ... on PythonError { className message cause { className message cause { className message } } }
        }
      }
    }
    ... on PythonError { message }
  }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime } } }
}
"""


def check_prometheus(settings: MonitoringSettings, since: float = 0) -> Health:
    """Ask Prometheus for its version, and whether Alertmanager and the exporter answer."""
    for url, path in (
        (settings.exporter_url, "/metrics"),
        (settings.alertmanager_url, "/-/ready"),
        (settings.prometheus_url, "/-/ready"),
    ):
        try:
            get("Prometheus", url, path, HEALTH_TIMEOUT_S)
        except SmaError as error:
            return Health(f"{url}: {_reason(error)}")
    try:
        build = get("Prometheus", settings.prometheus_url, "/api/v1/status/buildinfo", HEALTH_TIMEOUT_S)
    except SmaError as error:
        return Health(_reason(error))
    return Health(None, build.json()["data"]["version"])


def check_overview(settings: MonitoringSettings, since: float = 0) -> Health:
    """Ask the page's server for its version; what the page shows has its own errors."""
    try:
        running = get("the overview page", settings.overview_url, "/healthz", HEALTH_TIMEOUT_S)
    except SmaError as error:
        return Health(_reason(error))
    return Health(None, running.text)


CHECKS: dict[str, Callable[[Settings, float], Health]] = {
    "kafka": check_kafka,
    "timescaledb": check_timescaledb,
    "flink": check_flink,
    "dagster": check_dagster,
    "prometheus": check_prometheus,
    "overview": check_overview,
}


def _reason(error: SmaError) -> str:
    """Return the reason alone, for a place that names the part already."""
    return error.detail if isinstance(error, Unanswered | Refused) else str(error)
