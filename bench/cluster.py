"""The services that a benchmark runs on: a local stack of its own, or those of a stack that is running already.

A stack of its own has a state folder and ports of its own, and neither Dagster nor what watches the stack. Of a running
stack, Kafka and the database are used; a benchmark that needs Flink starts one of its own, since it has other jars in
its lib folder and is restarted.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import delete_logs
from deploy.local.environment import DATABASE_URLS, read_environment
from deploy.local.lifecycle import stack
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings, load_settings

PORT_BASE = "23000"
PARALLELISM = 2

_STATE_DIR = CHECKOUT / ".local" / "bench"
_BORROWED = ("SMA_KAFKA_BOOTSTRAP", *DATABASE_URLS, "SMA_DAGSTER_URL")

Say = Callable[[str], None]
MakeLib = Callable[[Settings], Path]


@contextmanager
def running_stack(
    say: Say, *, keep: bool, fresh: bool, lender: Path | None, make_flink_lib: MakeLib | None = None
) -> Iterator[Settings]:
    """Yield the settings of services with no job on them; stop at the end what was started, unless it is to be kept.

    Args:
        say: takes a line of progress.
        keep: whether what was started stays up; of no effect on a stack that ran before.
        fresh: whether what earlier runs have left is deleted first.
        lender: the state folder of a running stack whose Kafka and database are used; None for a stack of its own.
        make_flink_lib: makes the folder of what Flink loads at its start; without it there is no Flink.

    Raises:
        SmaError: a part does not come up, or no stack has been started in `lender`.
    """
    port_base = os.environ.get("SMA_PORT_BASE", PORT_BASE)
    for name in [name for name in os.environ if name.startswith("SMA_")]:
        del os.environ[name]  # whatever names another stack
    if lender is None:
        os.environ |= {"SMA_STATE_DIR": str(_STATE_DIR), "SMA_PORT_BASE": port_base}
        with _started(say, keep, fresh, make_flink_lib) as settings:
            yield settings
        return
    lent = _lent_addresses(lender)
    if make_flink_lib:
        # in its folder, so that a later run on a stack of its own finds nothing of it
        os.environ |= lent | {"SMA_STATE_DIR": str(lender / "bench"), "SMA_PORT_BASE": port_base}
        with _started(say, False, True, make_flink_lib) as settings, _cleaned_up(settings):
            yield settings
    else:
        os.environ["SMA_STATE_DIR"] = str(lender)
        load_settings.cache_clear()
        with _cleaned_up(_measured(load_settings())) as settings:
            yield settings


def _lent_addresses(lender: Path) -> dict[str, str]:
    environment = read_environment(lender)
    if environment is None:
        raise SmaError(f"{lender}: no stack has been started there: run `sma up`, or leave --stack out")
    return {name: environment.values[name] for name in _BORROWED}


@contextmanager
def _started(say: Say, keep: bool, fresh: bool, make_flink_lib: MakeLib | None) -> Iterator[Settings]:
    """Start what runs for the state folder; what an earlier run has kept is stopped first.

    That run may have been interrupted, or have had another lib folder.
    """
    load_settings.cache_clear()
    if make_flink_lib:
        os.environ["FLINK_LIB_DIR"] = str(make_flink_lib(load_settings()))
    stack.down(say)
    try:
        parts = ("kafka", "timescaledb", *(("flink",) if make_flink_lib else ()))
        yield _measured(stack.up(say, fresh=fresh, parts=parts))
    finally:
        if not keep:
            stack.down(say)


@contextmanager
def _cleaned_up(settings: Settings) -> Iterator[Settings]:
    try:
        yield settings
    finally:
        delete_logs(settings)


def _measured(settings: Settings) -> Settings:
    return settings.model_copy(update={"parallelism": PARALLELISM, "publish_averages": False})
