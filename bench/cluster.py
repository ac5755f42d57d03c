"""On what does the benchmark run? The project's own local stack, with a state folder and ports of its own.

Dagster and what watches the stack have no part in it and are stopped once `sma up`'s machinery has brought it up.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from tenacity import Retrying, stop_after_delay, wait_fixed

from deploy.local.lifecycle import stack
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.services.health import CHECKS
from deploy.local.services.programs import PROGRAMS
from deploy.local.services.render import FLINK_HOME
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings, load_settings

STATE_DIR = CHECKOUT / ".local" / "bench"
PORT_BASE = "23000"
PARALLELISM = 2
PARTITIONS = 4

_TASK_MANAGER = "flink-taskmanager"
_UP_WITHIN_S = 120


@contextmanager
def running_stack(
    say: Callable[[str], None], keep: bool, fresh: bool, make_flink_lib: Callable[[Settings], Path] | None = None
) -> Iterator[Settings]:
    """Bring the stack up, with no job on it, and yield its settings; take it down at the end unless it is to be kept.

    What an earlier run has kept is started anew: it may have been interrupted, or have had another lib folder.

    Args:
        say: takes a line of progress.
        keep: whether it stays up.
        fresh: whether what earlier runs have left is deleted first.
        make_flink_lib: makes the folder of what Flink loads at its start; without it Flink has no part and is stopped.
    """
    port_base = os.environ.get("SMA_PORT_BASE", PORT_BASE)
    for name in [name for name in os.environ if name.startswith("SMA_")]:
        del os.environ[name]  # whatever names another stack
    os.environ |= {"SMA_STATE_DIR": str(STATE_DIR), "SMA_PORT_BASE": port_base}
    load_settings.cache_clear()
    if make_flink_lib:
        os.environ["FLINK_LIB_DIR"] = str(make_flink_lib(load_settings()))
    stack.down(say)
    try:
        settings = stack.up(say, fresh=fresh)
        Supervisor(STATE_DIR).stop((*PROGRAMS["dagster"], *PROGRAMS["prometheus"]))
        if not make_flink_lib:
            Supervisor(STATE_DIR).stop(PROGRAMS["flink"])
        yield settings.model_copy(update={"parallelism": PARALLELISM, "publish_averages": False})
    finally:
        if not keep:
            stack.down(say)


@contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Let Flink, started anew, be as `sma up` makes it, with Prometheus, Alertmanager and the exporter beside it."""
    _restart_flink(settings)
    supervisor = Supervisor(STATE_DIR)
    for program in PROGRAMS["prometheus"]:
        supervisor.start(program)
    try:
        _wait("prometheus", settings)
        yield
    finally:
        supervisor.stop(PROGRAMS["prometheus"])


@contextmanager
def unwatched(settings: Settings) -> Iterator[None]:
    """Let Flink, started anew, have no metrics reporter and the log configuration that it ships; nothing asks it."""
    folder = STATE_DIR / "flink" / "conf"
    config, log = folder / "config.yaml", folder / "log4j-console.properties"
    ours = {path: path.read_text(encoding="utf-8") for path in (config, log)}
    options = yaml.safe_load(ours[config])
    unreported = {name: value for name, value in options.items() if not name.startswith("metrics.reporter")}
    if len(unreported) == len(options):
        raise SmaError(f"{config} names no metrics reporter to leave out")
    try:
        config.write_text(yaml.safe_dump(unreported, sort_keys=False), encoding="utf-8")
        log.write_text((FLINK_HOME / "conf" / log.name).read_text(encoding="utf-8"), encoding="utf-8")
        _restart_flink(settings)
        yield
    finally:
        for path, text in ours.items():
            path.write_text(text, encoding="utf-8")
        _restart_flink(settings)


def _restart_flink(settings: Settings) -> None:
    supervisor = Supervisor(STATE_DIR)
    supervisor.stop(PROGRAMS["flink"])
    for program in PROGRAMS["flink"]:
        supervisor.start(program)
    _wait("flink", settings)


def _wait(part: str, settings: Settings) -> None:
    for attempt in Retrying(stop=stop_after_delay(_UP_WITHIN_S), wait=wait_fixed(0.3), reraise=True):
        with attempt:
            health = CHECKS[part](settings, 0)
            if not health.is_up:
                raise SmaError(f"{part}: {health.reason}")


def task_manager_pid() -> int:
    """Return the process in which Flink's tasks run."""
    return int(Supervisor(STATE_DIR).state(_TASK_MANAGER)["pid"])
