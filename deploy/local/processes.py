"""Finds the processes that belong to a stack, and ends them.

Every process that a stack's supervisord starts carries the stack's state folder in its environment, as its children do.
So the processes that a killed supervisord left behind are ended, and no others.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from sma.errors import SmaError

MARKER = "SMA_STACK"
GRACE_SECONDS = 20.0
_KILL_SECONDS = 10


def stack_processes(state_dir: Path) -> dict[int, str]:
    """Return the running processes of a stack: pid and command line."""
    marker = f"{MARKER}={state_dir}".encode()
    commands = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker in (process / "environ").read_bytes().split(b"\0") and not _is_zombie(process):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                commands[int(process.name)] = command
    return commands


def _is_zombie(process: Path) -> bool:
    return (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def end_processes(state_dir: Path, grace_seconds: float = GRACE_SECONDS) -> list[int]:
    """End every process of a stack and return their pids: politely first, and by force after `grace_seconds`.

    Raises:
        SmaError: one is still there after both.
    """
    ended = stack_processes(state_dir)
    for pid, command in ended.items():
        _signal(pid, signal.SIGINT if _is_postmaster(command) else signal.SIGTERM)
    if _is_any_left(state_dir, grace_seconds):
        for pid, command in stack_processes(state_dir).items():
            _signal(pid, signal.SIGQUIT if _is_postmaster(command) else signal.SIGKILL)
        if _is_any_left(state_dir, _KILL_SECONDS):
            left = ", ".join(f"{pid} ({command[:60]})" for pid, command in stack_processes(state_dir).items())
            raise SmaError(f"processes of the stack in {state_dir} do not end: {left}")
    return sorted(ended)


def _is_postmaster(command: str) -> bool:
    """Whether it is PostgreSQL's first process: SIGTERM would wait for clients, SIGKILL would orphan its children."""
    return Path(command.split(" ", 1)[0]).name == "postgres"


def _is_any_left(state_dir: Path, seconds: float) -> bool:
    polling = Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.1), retry=retry_if_result(bool))
    try:
        polling(stack_processes, state_dir)
    except RetryError:
        return True
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
