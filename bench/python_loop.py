"""The last 20 events of each series in a plain Python loop: two processes with half of the partitions each.

No fault tolerance, no event time, floats: what one would write in ten minutes, and the best that two cores do with
Python. It runs in an environment of its own, so that the project need not have what it needs.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.cluster import PARALLELISM
from bench.events import Log
from sma.errors import SmaError
from sma.settings import CHECKOUT

_PACKAGES = ("confluent-kafka==2.16.1", "orjson==3.13.0")
_VENV = CHECKOUT / ".local" / "bench-venv"
_UV = CHECKOUT / ".venv" / "bin" / "uv"
_WORKER = Path(__file__).resolve().parent / "loop_worker.py"


def run(log: Log, event_count: int) -> float:
    """Run the loop over the log and return its seconds, from the first process's beginning to the last one's end.

    Raises:
        SmaError: its environment cannot be made, or it failed.
    """
    python = _environment()
    workers = [
        subprocess.Popen(
            [
                python,
                str(_WORKER),
                log.settings.kafka_bootstrap,
                log.settings.events_topic,
                str(event_count),
                ",".join(f"{partition}:{log.ends[partition]}" for partition in sorted(log.ends)[worker::PARALLELISM]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in range(PARALLELISM)
    ]
    for worker in workers:
        if worker.stdout is None or worker.stdout.readline().strip() != "ready":
            raise SmaError("the Python loop: a process did not start")
    for worker in workers:
        print(file=worker.stdin, flush=True)
    answers = [json.loads(worker.communicate()[0] or "{}") for worker in workers]
    if sum(answer.get("events", 0) for answer in answers) != log.events:
        raise SmaError(f"the Python loop read {answers}, not {log.events} events")
    return float(max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers))


def _environment() -> str:
    python = _VENV / "bin" / "python"
    stamp = _VENV / "stamp"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != "\n".join(_PACKAGES):
        _execute([str(_UV), "venv", "--quiet", "--clear", "--python", "3.11", str(_VENV)])
        _execute([str(_UV), "pip", "install", "--quiet", "--python", str(python), *_PACKAGES])
        stamp.write_text("\n".join(_PACKAGES), encoding="utf-8")
    return str(python)


def _execute(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"{_VENV}: cannot be made: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
