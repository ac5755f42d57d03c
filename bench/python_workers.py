"""Runs the programs of bench/workers, written as others would, in two processes with half of the partitions each.

No fault tolerance and no offsets kept: the best that two cores do with Python. They run in an environment of their own,
so that the project need not have what they need.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cluster import PARALLELISM
from bench.events import Log
from sma.errors import SmaError
from sma.settings import CHECKOUT

LOOP = "loop"
PANDAS = "pandas_rolling"
DUCKDB = "duckdb_windows"

_PACKAGES = (
    "confluent-kafka==2.16.1",
    "duckdb==2.0.0",
    "orjson==3.13.0",
    "pandas==3.1.1",
    "pyarrow==26.0.1",
)
_VENV = CHECKOUT / ".local" / "bench-venv"
_UV = CHECKOUT / ".venv" / "bin" / "uv"
_WORKERS = Path(__file__).resolve().parent / "workers"
_NOWHERE = "-"

Answer = tuple[str, str, str, int, str, int]  # average, customer, metric, as_of in ms, sum, count


def seconds_of(worker: str, log: Log) -> float:
    """Run a worker's processes over the log; return the seconds from the first beginning to the last end.

    Raises:
        SmaError: the environment cannot be made, or a process failed.
    """
    outcomes = _run(worker, log, [_NOWHERE] * PARALLELISM)
    return float(max(each["ended"] for each in outcomes) - min(each["began"] for each in outcomes))


def answers_of(worker: str, log: Log) -> list[Answer]:
    """Run a worker's processes over the log and return all windows that they emit.

    Raises:
        SmaError: as `seconds_of`.
    """
    answers: list[Answer] = []
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.json" for number in range(PARALLELISM)]
        _run(worker, log, [str(file) for file in files])
        for file in files:
            answers += map(tuple, json.loads(file.read_text(encoding="utf-8")))
    return answers


def _run(worker: str, log: Log, files: Sequence[str]) -> list[dict[str, float]]:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_started(worker, log, sorted(log.ends)[number::PARALLELISM], file))
            for number, file in enumerate(files)
        ]
        for process in processes:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                raise SmaError(f"{worker}.py: a process did not start; its own words are above")
        for process in processes:
            print(file=process.stdin, flush=True)
        outcomes = [json.loads(process.communicate()[0] or "{}") for process in processes]
    if not all(outcomes):
        raise SmaError(f"{worker}.py: a process failed; its own words are above")
    if sum(each["events"] for each in outcomes) != log.events:
        raise SmaError(f"{worker}.py read {outcomes}, not {log.events} events")
    return outcomes


@contextmanager
def _started(worker: str, log: Log, partitions: Sequence[int], file: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            _environment(),
            str(_WORKERS / f"{worker}.py"),
            log.settings.kafka_bootstrap,
            log.settings.events_topic,
            ",".join(f"{partition}:{log.ends[partition]}" for partition in partitions),
            file,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


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
