"""kcat, which is librdkafka and a loop in C: the topic read from beginning to end, to nowhere."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence

from bench.events import Log
from deploy.local.services.render import INSTALL_DIR
from sma.errors import SmaError


def run(log: Log) -> float:
    """Read the topic to /dev/null and return the seconds that kcat took."""
    command = _command(log)
    began = time.monotonic()
    _execute(command, subprocess.DEVNULL)
    return time.monotonic() - began


def read_values(log: Log) -> list[bytes]:
    """Return all values of the topic, as kcat prints them."""
    return (_execute(_command(log), subprocess.PIPE) or b"").splitlines()


def _command(log: Log) -> list[str]:
    kcat = shutil.which("kcat", path=f"{os.environ['PATH']}:{INSTALL_DIR / 'kcat' / 'bin'}")
    if kcat is None:
        raise SmaError("kcat is not installed: run `make kcat`")
    settings = log.settings
    return [kcat, "-C", "-q", "-e", "-b", settings.kafka_bootstrap, "-t", settings.events_topic, "-o", "beginning"]


def _execute(command: Sequence[str], output: int) -> bytes | None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise SmaError(f"kcat: {(done.stderr.decode().strip().splitlines() or ['?'])[-1]}")
    return done.stdout
