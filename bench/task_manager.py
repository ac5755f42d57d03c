"""What does a run cost the TaskManager? Its peak resident memory and its processor time, as Linux counts them."""

import os
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import task_manager_pid

_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # proc(5), /proc/pid/stat, after the name


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    peak_bytes: int
    cpu_s: float


class Meter:
    """Counts from its making on."""

    def __init__(self) -> None:
        """Set the peak back."""
        self._process = Path("/proc") / str(task_manager_pid())
        (self._process / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        self._cpu_s = self._cpu_so_far_s()

    def read(self) -> Cost:
        """Return what it has cost so far."""
        status = (self._process / "status").read_text(encoding="ascii")
        (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return Cost(int(peak.split()[1]) * 1_024, self._cpu_so_far_s() - self._cpu_s)

    def _cpu_so_far_s(self) -> float:
        fields = (self._process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS_PER_S
