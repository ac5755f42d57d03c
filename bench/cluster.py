"""On what does the benchmark run? The project's own local stack, with a state folder and ports of its own.

Dagster has no part in it and is stopped once `sma up`'s machinery has brought the stack up.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.flink_lib import make_lib_folder
from deploy.local import stack
from deploy.local.programs import PROGRAMS
from deploy.local.supervisor import Supervisor
from sma.settings import CHECKOUT, Settings, load_settings
from streaming.options import jars
from streaming.rest import ENDED, FlinkRest

STATE_DIR = CHECKOUT / ".local" / "bench"
FLINK_DIR = STATE_DIR.with_name("bench-flink")  # not among what a fresh start deletes
PORT_BASE = "23000"
PARALLELISM = 2
PARTITIONS = 4

_TASK_MANAGER = "flink-taskmanager"


@contextmanager
def running_stack(say: Callable[[str], None], keep: bool, fresh: bool = False) -> Iterator[Settings]:
    """Bring the stack up, with no job on it, and yield its settings; take it down at the end unless it is to be kept.

    Args:
        say: takes a line of progress.
        keep: whether it stays up.
        fresh: whether what earlier runs have left is deleted first.
    """
    port_base = os.environ.get("SMA_PORT_BASE", PORT_BASE)
    for name in [name for name in os.environ if name.startswith("SMA_")]:
        del os.environ[name]  # whatever names another stack
    os.environ |= {"SMA_STATE_DIR": str(STATE_DIR), "SMA_PORT_BASE": port_base}
    load_settings.cache_clear()
    os.environ["FLINK_LIB_DIR"] = str(make_lib_folder(FLINK_DIR, jars(load_settings().flink_jars)))
    try:
        settings = stack.up(say, fresh=fresh)
        Supervisor(STATE_DIR).stop(PROGRAMS["dagster"])
        _end_jobs(settings)
        yield settings.model_copy(update={"parallelism": PARALLELISM, "publish_averages": False})
    finally:
        if not keep:
            stack.down(say)


def _end_jobs(settings: Settings) -> None:
    """End what an interrupted run has left at work."""
    rest = FlinkRest(settings.flink_url)
    for job in rest.ask("GET", "/jobs/overview")["jobs"]:
        if job["state"] not in ENDED:
            rest.cancel(job["jid"])


def task_manager_pid() -> int:
    """Return the process in which Flink's tasks run."""
    return int(Supervisor(STATE_DIR).state(_TASK_MANAGER)["pid"])
