"""Our job in the benchmark: planned and configured as the running one is, but it ends where the log ends."""

from typing import Any

from bench.events import STREAMED, Log
from bench.streaming.flink_client import submit_class
from bench.streaming.flink_run import options, seconds_of
from sma.averages import DEFAULT_MAX_AHEAD_MS, Average, Averages
from sma.window import CountWindow, DurationWindow
from streaming.submit.plan import catch_up_plan

Windows = tuple[Average, ...]

SECOND_MS = 1_000
ALLOWED_LATENESS_MS = 10_000
_JOB_CLASS = "sma.streaming.job.MovingAveragesJob"

COUNT_20 = (Average("last_20", CountWindow(20), SECOND_MS),)
COUNT_20_EACH = (Average("last_20", CountWindow(20), 1),)
COUNT_200 = (Average("last_200", CountWindow(200), SECOND_MS),)
COUNT_20000 = (Average("last_20000", CountWindow(20_000), SECOND_MS),)
TEN = tuple(Average(f"last_{20 * times}", CountWindow(20 * times), SECOND_MS) for times in range(1, 11))
SECOND = (Average("second", DurationWindow(SECOND_MS), SECOND_MS),)
HOUR = (Average("hour", DurationWindow(3_600 * SECOND_MS), SECOND_MS),)


def run(log: Log, name: str, averages: Windows, writes_rows: bool = False) -> float:
    """Run the job over the log and return its seconds; rows go to the database or nowhere."""
    job_id = submit_class(options(log.settings, name), _JOB_CLASS, plan(log, averages, writes_rows))
    return seconds_of(log.settings, job_id)


def plan(log: Log, averages: Windows, writes_rows: bool) -> dict[str, Any]:
    """Return the plan of a job over the log, its heartbeats included."""
    made = catch_up_plan(log.settings, definition(averages), 0, log.starts)
    made["kafka"]["to_offsets"] = log.closed_ends
    if not writes_rows:
        made["database"] = None
    return made


def definition(averages: Windows) -> Averages:
    """Return the averages, as averages.yaml would define them."""
    return Averages(STREAMED.watermark_delay_ms, ALLOWED_LATENESS_MS, DEFAULT_MAX_AHEAD_MS, tuple(averages))
