"""Surroundings of our job: a TaskManager that is monitored as `sma up` does it, and one that is not monitored.

The TaskManager is started again for each of the two. Every other case has one as `sma up` makes it, and no Prometheus.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from bench.streaming.task_manager import TASK_MANAGER
from clients.flink import FlinkRest
from deploy.local.environment import read_environment
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.parts import PROGRAMS
from deploy.local.processes import MARKER
from deploy.local.services.health import CHECKS
from deploy.local.services.render import FLINK_HOME
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings

_WITHIN_S = 300  # as long as `sma up` waits: a busy machine may need it
_END_S = 20
_EXPORTER = "exporter"

_replaced: dict[Path, str] = {}  # files of Flink's configuration that `unwatched` has replaced, and what was in them


def as_usual(settings: Settings) -> None:
    """Start the TaskManager again as `sma up` makes it, where `unwatched` has left another."""
    if _replaced:
        _put_back()
        _restart_task_manager(settings)


def _put_back() -> None:
    for path, text in _replaced.items():
        path.write_text(text, encoding="utf-8")
    _replaced.clear()


@contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Let the TaskManager be as `sma up` makes it, and Prometheus, Alertmanager and the exporter watch.

    The exporter looks at the job, the topics and the database of the settings.
    """
    _put_back()
    _restart_task_manager(settings)
    supervisor = Supervisor(settings.state_dir)
    programs = [program for program in PROGRAMS["prometheus"] if program != _EXPORTER]
    for program in programs:
        supervisor.start(program)
    try:
        with _exporter(settings):
            _wait(lambda: CHECKS["prometheus"](settings, 0).is_up, "Prometheus and the exporter do not answer")
            yield
    finally:
        supervisor.stop(programs)


@contextmanager
def unwatched(settings: Settings) -> Iterator[None]:
    """Let the TaskManager have no metrics reporter and the log configuration that Flink ships, and nothing ask it.

    It stays so until `as_usual` or `watched`.
    """
    _put_back()
    folder = settings.state_dir / "flink" / "conf"
    config, log = folder / "config.yaml", folder / "log4j-console.properties"
    _replaced.update({path: path.read_text(encoding="utf-8") for path in (config, log)})
    options = yaml.safe_load(_replaced[config])
    unreported = {name: value for name, value in options.items() if not name.startswith("metrics.reporter")}
    if len(unreported) == len(options):
        raise SmaError(f"{config} names no metrics reporter to leave out")
    config.write_text(yaml.safe_dump(unreported, sort_keys=False), encoding="utf-8")
    log.write_text((FLINK_HOME / "conf" / log.name).read_text(encoding="utf-8"), encoding="utf-8")
    _restart_task_manager(settings)
    yield


@contextmanager
def _exporter(settings: Settings) -> Iterator[None]:
    environment = read_environment(settings.state_dir)
    if environment is None:
        raise SmaError(f"{settings.state_dir}: no stack has been started there")
    names = {
        "SMA_DATABASE_URL": settings.database_url.get_secret_value(),
        "SMA_TOPIC_PREFIX": settings.topic_prefix,
        "SMA_JOB_NAME": settings.job_name,
        MARKER: str(settings.state_dir),
    }
    log = settings.state_dir / "logs" / "bench-exporter.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitoring.exporter", "--port", str(environment.ports[_EXPORTER])],
            cwd=CHECKOUT,
            env=os.environ | names,
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _restart_task_manager(settings: Settings) -> None:
    supervisor = Supervisor(settings.state_dir)
    supervisor.stop([TASK_MANAGER])
    _wait(lambda: _task_managers(settings) == 0, "Flink still counts the TaskManager that was stopped")
    supervisor.start(TASK_MANAGER)
    _wait(lambda: _task_managers(settings) == 1, "no TaskManager has registered with Flink")


def _task_managers(settings: Settings) -> int:
    return int(FlinkRest(settings.flink_url).ask("GET", "/overview")["taskmanagers"])


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    try:
        Retrying(
            retry=retry_if_result(lambda is_true: not is_true), stop=stop_after_delay(_WITHIN_S), wait=wait_fixed(0.2)
        )(condition)
    except RetryError as error:
        raise SmaError(f"{otherwise} after {_WITHIN_S} s") from error
