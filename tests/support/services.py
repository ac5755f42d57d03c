"""Parts of the local stack in a state folder and on ports of their own, for tests that need no more than these."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from deploy.local.ports import free_port_base
from sma.settings import CHECKOUT
from tests.support.places import SMA, Place, settings_of

SHORT_LIVED_JVMS = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
"""Variables for JVMs that live for minutes: the second compiler takes a third of their processor time."""

_UP_SECONDS = 420
# a process of its own, since the settings of one process are those of one stack
_UP = "import sys; from deploy.local.lifecycle import stack; stack.up(print, fresh=True, parts=sys.argv[1:])"


@contextmanager
def running_services(
    state_dir: Path, parts: Sequence[str], chosen: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Place]:
    """Start parts of the stack, as `deploy.local.lifecycle.stack.up` names them, until the block ends.

    Args:
        state_dir: the stack's state folder, deleted in the end.
        parts: those to start.
        chosen: what the first start chooses, such as SMA_KAFKA_BROKERS.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("SMA_")}
    environ = others | SHORT_LIVED_JVMS | {"SMA_STATE_DIR": str(state_dir)}
    try:
        started = environ | chosen | {"SMA_PORT_BASE": str(free_port_base())}
        run_or_fail([sys.executable, "-c", _UP, *parts], started)
        yield Place(settings_of(environ), environ)
    finally:
        run_or_fail([SMA, "down"], environ)
        shutil.rmtree(state_dir)


def run_or_fail(command: Sequence[str | Path], environ: Mapping[str, str]) -> None:
    """Run a command that starts or stops services; what it printed is in the failure."""
    ran = subprocess.run(
        command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=_UP_SECONDS, check=False
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
