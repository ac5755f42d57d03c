"""Measures the peak memory of some work: that of a process of its own and of those that it starts.

Linux keeps each process's peak, so none is missed between two readings; what processes share counts once for each.
"""

import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sma.errors import SmaError

_LOOK_EVERY_S = 0.05


def peak_bytes(work: Callable[..., None], *arguments: Any) -> int:
    """Run the work in a new process and return the most that the peaks of the processes at work then add up to.

    Raises:
        SmaError: it failed.
    """
    process = get_context("spawn").Process(target=work, args=arguments)
    process.start()
    peak = 0
    while process.is_alive() and process.pid is not None:
        peak = max(peak, sum(map(_peak, _family(process.pid))))
        time.sleep(_LOOK_EVERY_S)
    process.join()
    if process.exitcode:
        raise SmaError(f"the process whose memory is measured ended with exit code {process.exitcode}")
    return peak


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        for children in (Path("/proc") / str(each) / "task").glob("*/children"):
            found += [int(child) for child in _read(children).split()]
    return found


def _peak(pid: int) -> int:
    for line in _read(Path("/proc") / str(pid) / "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1_024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""
