"""Reading and parsing alone, by our own reader: scan/ScanJob.java, built against the operator's jar and run."""

from bench.events import Log
from bench.streaming.flink_client import submit_class
from bench.streaming.flink_lib import SCAN_JAR
from bench.streaming.flink_run import options_for_client, seconds_of
from bench.streaming.ours import COUNT_20, plan

_JOB_CLASS = "sma.streaming.job.ScanJob"


def run(log: Log) -> float:
    """Read and parse the log; return the job's seconds.

    Raises:
        SmaError: the job failed.
    """
    chosen = options_for_client(log.settings, "scan")
    chosen["pipeline.jars"] += f";{SCAN_JAR.as_uri()}"
    return seconds_of(log.settings, submit_class(chosen, _JOB_CLASS, plan(log, COUNT_20, writes_rows=False)))
