"""What a run costs the TaskManager: its peak resident memory and its processor time, as Linux counts them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.cases import Result
from bench.events import Log
from deploy.local.lifecycle.supervisor import Supervisor
from sma.settings import Settings

TASK_MANAGER = "flink-taskmanager"
_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # proc(5), /proc/pid/stat, after the name


def metered(run: Callable[[Log], Result]) -> Callable[[Log], Result]:
    """Return a run whose result has what it cost the TaskManager."""

    def run_metered(log: Log) -> Result:
        process = Path("/proc") / str(task_manager_pid(log.settings))
        (process / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        before_s = _cpu_so_far_s(process)
        result = run(log)
        return replace(result, peak_bytes=_peak_bytes(process), cpu_s=_cpu_so_far_s(process) - before_s)

    return run_metered


def task_manager_pid(settings: Settings) -> int:
    """Return the process in which Flink's tasks run."""
    return int(Supervisor(settings.state_dir).state(TASK_MANAGER)["pid"])


def _peak_bytes(process: Path) -> int:
    status = (process / "status").read_text(encoding="ascii")
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1_024


def _cpu_so_far_s(process: Path) -> float:
    fields = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS_PER_S
