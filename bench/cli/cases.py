"""The cases of the command line's benchmark: processes, each timed from its start to its end."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cases import Case, Measure, Ratio, Result
from sma.errors import SmaError
from sma.settings import CHECKOUT

BARE = "python"
COMMANDS = {
    "help": ("sma --help", ("--help",), (0,)),
    "reconcile_help": ("sma reconcile --help", ("reconcile", "--help"), (0,)),
    "error": ("sma produce --nonsense", ("produce", "--nonsense"), (2,)),
    "status": ("sma status --json", ("status", "--json"), (0, 1)),  # 1: a part is down
}
"""The title, the arguments and the exit codes of each case."""

MOST_SECONDS = {"help": 0.4, "reconcile_help": 0.4, "error": 0.4, "status": 1.0}


def cases() -> dict[str, Case[Path]]:
    """Return the cases by name; each runs over the state folder of a stack."""
    commands = {
        name: _case(title, [sys.executable, "-m", "cli.main", *arguments], codes)
        for name, (title, arguments, codes) in COMMANDS.items()
    }
    return {BARE: _case("python -c pass", [sys.executable, "-c", "pass"], (0,)), **commands}


def ratios() -> dict[str, Ratio]:
    """Return how many times as long as Python's own start each command takes."""
    return {
        f"{name}_vs_python": Ratio(title, (name,), (BARE,), wanted=30 if name == "status" else 10, reach_for=5)
        for name, (title, _, _) in COMMANDS.items()
    }


def _case(title: str, command: Sequence[str], codes: Sequence[int]) -> Case[Path]:
    def run(state_dir: Path) -> Result:
        used = _processor_s()
        began = time.perf_counter()
        ran = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=os.environ | {"SMA_STATE_DIR": str(state_dir)},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if ran.returncode not in codes:
            raise SmaError(f"exit code {ran.returncode}: {ran.stderr.strip().splitlines()[-1:]}")
        return Result(1, seconds, cpu_s=_processor_s() - used)

    return Case(title, run, Measure.SECONDS)


def _processor_s() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
