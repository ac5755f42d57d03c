"""Reading and parsing alone, by our own reader: scan/ScanJob.java, built against the operator's jar and run."""

from bench.events import Log
from bench.streaming.flink_client import submit_class
from bench.streaming.flink_lib import scan_jar
from bench.streaming.flink_run import options, seconds_of
from bench.streaming.ours import COUNT_20, plan

_JOB_CLASS = "sma.streaming.job.ScanJob"


def run(log: Log) -> float:
    """Read and parse the log; return the job's seconds.

    Raises:
        SmaError: the job failed.
    """
    chosen = options(log.settings, "scan")
    chosen["pipeline.jars"] += f";{scan_jar(log.settings).as_uri()}"
    return seconds_of(log.settings, submit_class(chosen, _JOB_CLASS, plan(log, COUNT_20, writes_rows=False)))
