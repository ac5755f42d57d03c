"""Reading and parsing alone, by our own reader: bench/scan/ScanJob.java, built against the operator's jar and run."""

from bench.cluster import FLINK_DIR
from bench.events import Log
from bench.flink_client import submit_class
from bench.flink_lib import scan_jar
from bench.flink_run import options, seconds_of
from bench.ours import COUNT_20, plan

_JOB_CLASS = "sma.streaming.job.ScanJob"


def run(log: Log) -> float:
    """Read and parse the log; return the job's seconds.

    Raises:
        SmaError: the job failed.
    """
    chosen = options(log.settings, "scan")
    chosen["pipeline.jars"] += f";{scan_jar(FLINK_DIR).as_uri()}"
    return seconds_of(log.settings, submit_class(chosen, _JOB_CLASS, plan(log, COUNT_20, writes_rows=False)))
