"""Reading and parsing alone, by our own reader: bench/scan/ScanJob.java, built against the operator's jar and run."""

import subprocess
from pathlib import Path

from bench.cluster import STATE_DIR
from bench.events import Log
from bench.flink_client import submit_class
from bench.flink_run import options, seconds_of
from bench.ours import COUNT_20, plan
from deploy.local.render import FLINK_HOME
from sma.errors import SmaError
from streaming.options import jars

_JOB_CLASS = "sma.streaming.job.ScanJob"
_SOURCE = Path(__file__).resolve().parent / "scan" / "ScanJob.java"


def run(log: Log) -> float:
    """Read and parse the log; return the job's seconds.

    Raises:
        SmaError: the operator's classes are no longer what ScanJob.java is made of, or the job failed.
    """
    jar = _build(jars(log.settings.flink_jars))
    chosen = options(log.settings, "scan")
    chosen["pipeline.jars"] += f";{jar.as_uri()}"
    return seconds_of(log.settings, submit_class(chosen, _JOB_CLASS, plan(log, COUNT_20, writes_rows=False)))


def _build(operator_jars: list[Path]) -> Path:
    classes = STATE_DIR / "scan" / "classes"
    jar = STATE_DIR / "scan" / "scan.jar"
    class_path = ":".join(str(path) for path in (*operator_jars, FLINK_HOME / "lib" / "*"))
    _execute("javac", "-nowarn", "-cp", class_path, "-d", str(classes), str(_SOURCE))
    _execute("jar", "--create", "--file", str(jar), "-C", str(classes), ".")
    return jar


def _execute(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"{command[0]} {_SOURCE.name}: {(done.stderr.strip().splitlines() or ['?'])[0]}")
