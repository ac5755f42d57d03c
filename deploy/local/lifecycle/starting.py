"""Starts the parts, all at the same time, and waits until each can be used, or reports why it does not come up."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event

from tenacity import RetryError, Retrying, retry_if_result, sleep_using_event, stop_after_delay, wait_fixed

from database.migrate import migrate
from deploy.acls import grant
from deploy.local.environment import Environment, database_place
from deploy.local.kafka_layout import has_tls, has_token_server, principal_of
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.logs import log_file
from deploy.local.parts import TOKEN_SERVER
from deploy.local.services.database import prepare_cluster, prepare_databases
from deploy.local.services.health import CHECKS, Health, check_postgres, check_token_server
from deploy.local.services.kafka_config import bootstrap_settings
from deploy.local.services.kafka_storage import format_storage
from deploy.topics import check_topics, create_topics
from sma.errors import SmaError
from sma.settings import Settings

_DEADLINE_SECONDS = 300  # a busy machine may need as many for four JVMs and as many Pythons
_DEADLINE_ELSEWHERE_SECONDS = 15
_REPORT_EVERY_SECONDS = 20
_LOG_LINES = 5


@dataclass(frozen=True)
class Start:
    """One start of a stack."""

    settings: Settings
    environment: Environment
    supervisor: Supervisor
    say: Callable[[str], None]
    given_up: Event = field(default_factory=Event)

    def start_all(self, parts: Collection[str]) -> None:
        """Start parts: Dagster once its database is there, Prometheus last, or a slow start would be an alert.

        Raises:
            SmaError: of the first part that did not come up.
        """
        with ThreadPoolExecutor() as pool:
            starts = {
                "timescaledb": self._start_timescaledb,
                "kafka": self._start_kafka,
                "flink": self._start_flink,
                "overview": self._start_overview,  # it says of the others whether they are up
            }
            started = {part: pool.submit(start) for part, start in starts.items() if part in parts}
            if "dagster" in parts:
                started["dagster"] = pool.submit(self._start_dagster, started["timescaledb"])
            try:
                for finished in as_completed(started.values()):
                    finished.result()
            except BaseException:
                self.given_up.set()  # or the pool would wait for the other parts
                raise
        if "prometheus" in parts:
            self._start_prometheus()

    def _start_kafka(self) -> None:
        started = time.monotonic()
        if self._is_local("kafka"):
            format_storage(self.environment)
            self._start_token_server()
            self._start_programs("kafka")
        health = self._wait("kafka", CHECKS["kafka"])
        if self._is_local("kafka") and has_tls(self.environment.values):
            grant(bootstrap_settings(self.settings, self.environment), principal_of)
        admin = self.settings.kafka_as("admin")
        created = create_topics(admin)
        self._say_up("kafka", self.settings.kafka_bootstrap, health, started)
        for report in check_topics(admin):
            if report.name not in created:
                self.say(f"topic {report.name}: {report.line}")

    def _start_token_server(self) -> None:
        """Start the OAuth server, which a broker asks for its key when it starts."""
        if has_token_server(self.environment.values):
            self.supervisor.start(TOKEN_SERVER)
            self._wait("kafka", lambda settings, _: check_token_server(settings))

    def _start_timescaledb(self) -> None:
        started = time.monotonic()
        if self._is_local("timescaledb"):
            prepare_cluster(self.environment)
            self._start_programs("timescaledb")
            self._wait("timescaledb", lambda _, __: check_postgres(self.environment.superuser_url("postgres")))
            prepare_databases(self.environment)
        else:
            migrate(self.settings.owner_database_url.get_secret_value())
        health = self._wait("timescaledb", CHECKS["timescaledb"])
        self._say_up("timescaledb", database_place(self.settings), health, started)

    def _start_flink(self) -> None:
        started = time.monotonic()
        self._start_programs("flink")
        self._say_up("flink", self.settings.flink_url, self._wait("flink", CHECKS["flink"]), started)

    def _start_overview(self) -> None:
        started = time.monotonic()
        self._start_programs("overview")
        self._say_up("overview", self.settings.overview_url, self._wait("overview", CHECKS["overview"]), started)

    def _start_dagster(self, database: Future[None]) -> None:
        database.result()
        started = time.monotonic()
        if CHECKS["dagster"](self.settings, 0).is_final:  # it loads code once, at its start
            self._stop_programs("dagster")
        self._start_programs("dagster")
        self._say_up("dagster", self.settings.dagster_url, self._wait("dagster", CHECKS["dagster"]), started)

    def _start_prometheus(self) -> None:
        started = time.monotonic()
        self._start_programs("prometheus")
        health = self._wait("prometheus", CHECKS["prometheus"])
        self._say_up("prometheus", self.settings.prometheus_url, health, started)

    def _is_local(self, part: str) -> bool:
        return part in self.environment.parts

    def _start_programs(self, part: str) -> None:
        for program in self.environment.programs(part):
            self.supervisor.start(program)

    def _stop_programs(self, part: str) -> None:
        self.supervisor.stop(self.environment.programs(part))

    def _say_up(self, part: str, place: str, health: Health, started: float) -> None:
        seconds = time.monotonic() - started
        self.say(f"{part:<12} {place}  {health.version or ''}  {seconds:.0f} s")

    def _wait(self, part: str, check: Callable[[Settings, float], Health]) -> Health:
        """Wait until a part is up, and no longer than its processes live.

        Raises:
            SmaError: what is wrong; for a part that runs here with its log file and the last lines of that.
        """
        programs = self.environment.programs(part)
        since = self.supervisor.daemon_start(programs)

        reported_at = time.monotonic()

        def look() -> Health:
            nonlocal reported_at
            health = check(self.settings, since)
            if not health.is_up and time.monotonic() - reported_at > _REPORT_EVERY_SECONDS:
                reported_at = time.monotonic()
                self.say(f"{part:<12} waiting: {health.reason}")
            dead = [program for program in programs if self.supervisor.has_failed(program)]
            if health.is_final:
                raise SmaError(self._failure(part, health.reason or "", programs[0] if programs else None))
            if dead and not health.is_up:
                raise SmaError(self._failure(part, f"{dead[0]} does not stay up", dead[0]))
            return health

        polling = Retrying(
            stop=stop_after_delay(_DEADLINE_SECONDS if programs else _DEADLINE_ELSEWHERE_SECONDS),
            wait=wait_fixed(0.3),
            retry=retry_if_result(lambda health: not health.is_up and not self.given_up.is_set()),
            sleep=sleep_using_event(self.given_up),
        )
        try:
            health = polling(look)
        except RetryError as error:
            reason = error.last_attempt.result().reason
            raise SmaError(self._failure(part, reason, programs[-1] if programs else None)) from None
        if not health.is_up:
            raise SmaError(f"{part}: given up, since another part did not come up")
        return health

    def _failure(self, part: str, reason: str, program: str | None) -> str:
        if program is None:
            return f"{part}: {reason}; it is not started here, since the environment names it"
        log = log_file(self.environment.state_dir, program)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
        return "\n".join([f"{part}: {reason}; its log: {log}", *(f"  {line}" for line in lines)])
