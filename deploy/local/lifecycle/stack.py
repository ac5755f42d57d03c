"""Brings the local stack up and down.

`up` starts what is down and leaves the rest alone; `down` leaves nothing behind but data. Both may be interrupted and
run again, and both clean up after a supervisord that was killed.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from database.migrate import truncate_tables
from deploy.local.environment import Environment, plan_environment, read_environment, state_dir_of, write_environment
from deploy.local.folders import make_folders, make_state_dir, write_config_files
from deploy.local.kafka_layout import has_tls
from deploy.local.kafka_plan import chosen_kafka
from deploy.local.lifecycle.starting import Start
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.parts import BROKERS, PROGRAMS, TOKEN_SERVER
from deploy.local.ports import require_free
from deploy.local.processes import end_processes, stack_processes
from deploy.local.services.java_logs import TOKEN, write_trust_store
from deploy.local.services.programs import config_files, is_root, listeners, program_options
from deploy.local.services.render import INSTALL_DIR, link_flink_lib
from deploy.topics import reset_topics
from monitoring.logs.destination import destination_of
from sma.errors import SmaError
from sma.settings import Settings, load_settings

_INSTALLED = {"kafka": "kafka", "timescaledb": "timescaledb", "flink": "flink-jars", "prometheus": "prometheus"}
Say = Callable[[str], None]
_STATE = ("dagster", "exporter", "flink", "kafka", "logs", "postgres", "prometheus", "sma.env", "supervisord.conf")
_STOP_ORDER = (
    ("overview", "prometheus", "alertmanager", "exporter"),
    ("heartbeats", "dagster-daemon", "dagster-webserver", "dagster-code"),
    ("flink-taskmanager", "flink-jobmanager"),
    (*BROKERS, "postgres"),
    (TOKEN_SERVER,),
)


def up(
    say: Say,
    *,
    fresh: bool = False,
    parts: Collection[str] = tuple(PROGRAMS),
    brokers: int | None = None,
    security: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Start every part of the stack that is not up, wait until all are healthy, and make topics, tables and views.

    Args:
        say: takes a line of progress: one for each part, when it is up.
        fresh: delete all state first, data included; the installation stays.
        parts: those to start; Dagster needs TimescaleDB, and Prometheus all others.
        brokers: how many Kafka has, 1 or 3; as before where None.
        security: how one connects to Kafka, `plaintext`, `ssl` or `sasl_ssl`; as before where None.
        environ: SMA_STATE_DIR, SMA_PORT_BASE and so on.

    Returns:
        The settings of the running stack; `load_settings` gives the same from now on.

    Raises:
        SmaError: one line that names the part, what is wrong and its log; or a setting is not valid; or another `up` or
            `down` is at work.
    """
    state_dir = state_dir_of(environ)
    environ = {**environ, **chosen_kafka(brokers, security, environ)}
    with _locked(state_dir):
        environment = plan_environment(state_dir, environ, None if fresh else read_environment(state_dir))
        if fresh:
            _stop(state_dir, say)
            _delete_state(state_dir)
        supervisor = Supervisor(state_dir)
        _require_installed(environment)
        _require_ports(environment, supervisor)
        write_environment(environment)
        load_settings.cache_clear()
        settings = load_settings()
        destination = destination_of(settings)
        if destination is not None:
            supervisor.require_token(destination.token.get_secret_value())
        _prepare(settings, environment, supervisor, environ)
        Start(settings, environment, supervisor, say).start_all(parts)
    return settings


def _require_installed(environment: Environment) -> None:
    for part, folder in _INSTALLED.items():
        if part in environment.parts and not (INSTALL_DIR / folder).is_dir():
            raise SmaError(f"{part} is not installed: run `make setup`")


def _require_ports(environment: Environment, supervisor: Supervisor) -> None:
    if not supervisor.is_running():
        end_processes(environment.state_dir)  # what a killed supervisord left behind would hold them
    for part in environment.parts:
        if not any(supervisor.is_alive(program) for program in environment.programs(part)):
            for listener in listeners(environment, part):
                require_free(environment.ports[listener], part)


def _prepare(settings: Settings, environment: Environment, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
    make_folders(environment.state_dir)
    if "kafka" in environment.parts and has_tls(environment.values):
        from deploy.local.services.certificates import make_certificates  # its library takes a while to import

        make_certificates(environment)
    if "flink" in environment.parts:
        link_flink_lib(environment.state_dir)
    files = config_files(settings, environment)
    write_config_files(files)
    write_trust_store(settings, environment)
    supervisor.ensure_running(
        program_options(settings, environment, files, environ), _without_settings(environ), is_root()
    )


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without this project's variables, except the token; each process gets those that it needs."""
    return {name: value for name, value in environ.items() if not name.startswith("SMA_") or name == TOKEN}


def down(say: Say, *, environ: Mapping[str, str] = os.environ) -> None:
    """Stop everything that runs for this state folder and return when it is gone and its ports are free.

    Args:
        say: takes a line of progress.
        environ: where SMA_STATE_DIR may be set.

    Raises:
        SmaError: a process does not end.
    """
    state_dir = state_dir_of(environ)
    if not state_dir.is_dir():
        say("nothing is running")
        return
    with _locked(state_dir):
        _stop(state_dir, say)


def _stop(state_dir: Path, say: Say) -> None:
    supervisor = Supervisor(state_dir)
    was_running = supervisor.is_running() or bool(stack_processes(state_dir))
    if supervisor.is_running():
        for programs in _STOP_ORDER:
            supervisor.stop(programs)
        supervisor.shut_down()
    end_processes(state_dir)
    supervisor.forget()
    say("stopped" if was_running else "nothing is running")


def reset_data(settings: Settings) -> None:
    """Empty the topics and the tables of `settings`; the job must be stopped, and chooses what it resumes from.

    Raises:
        SmaError: Kafka or the database cannot be reached.
    """
    truncate_tables(settings.owner_database_url.get_secret_value())
    reset_topics(settings.kafka_as("admin"))


def _delete_state(state_dir: Path) -> None:
    for name in _STATE:
        path = state_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """One `up` or `down` at a time for each state folder, a fresh start's deletion included; the others are refused."""
    make_state_dir(state_dir)
    with (state_dir / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SmaError(f"another `sma up` or `sma down` is at work in {state_dir}: wait for it") from None
        yield
