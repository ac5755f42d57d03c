"""Defines the sensors that evaluate a check when its outcome changes, and the one that ends customers' sessions."""

from collections.abc import Callable

import dagster as dg

from batch.checks.customer_sessions import end_long_sessions
from batch.checks.finding import Finding
from batch.checks.index_checks import series_live_in_one_partition
from batch.checks.log_retention import days_are_retained
from batch.checks.stream_job import job_runs
from batch.store.read_only import read_only_session
from orchestration.automation import SENSORS_START
from orchestration.checks import JOB_RUNS, ONE_PARTITION, RETAINED, evaluation
from orchestration.partitions import today
from orchestration.resources import Project, failing_in_one_line

_EVERY_S = 30
_LOOK_EVERY_S = 20  # with the exporter's and Prometheus's intervals, an alert fires within a minute
_SEEN_ONCE = "not well, seen once"


@dg.sensor(minimum_interval_seconds=_EVERY_S, default_status=SENSORS_START)
def flink_job_not_running(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Ask Flink whether the job runs; the check on `streaming_averages` fails if it does not, twice in a row.

    Dagster is up before the job is, and `make demo` and each upgrade stop the job for seconds: that is no failure.
    """
    return evaluated_when_it_changes(
        context.cursor, "streaming_averages", JOB_RUNS, lambda: job_runs(project.settings), must_last=True
    )


@dg.sensor(minimum_interval_seconds=300, default_status=SENSORS_START)
def kafka_retention_too_short(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Compare what Kafka retains with what unreconciled days require; the check on `events` warns in time."""
    return evaluated_when_it_changes(
        context.cursor, "events", RETAINED, lambda: days_are_retained(project.settings, project.averages, today())
    )


@dg.sensor(minimum_interval_seconds=60, default_status=SENSORS_START)
def customer_sessions_too_long(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SkipReason:
    """End customers' sessions whose transaction is open for half an hour: it holds back migrations and clean-up."""
    with failing_in_one_line():
        ended = end_long_sessions(project.settings)
    for line in ended:
        context.log.warning(f"ended {line}")
    return dg.SkipReason(f"ended {'; '.join(ended)}" if ended else "no customer's transaction is open for too long")


@dg.sensor(minimum_interval_seconds=_LOOK_EVERY_S, default_status=SENSORS_START)
def series_in_two_partitions(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Index the new records, and look for series in two partitions; the check on `offset_index` fails if it finds one.

    It is evaluated again whenever another series is found: docs/decisions/0048-series-in-two-partitions.md.
    """

    def find() -> Finding:
        project.index_what_is_new()
        with read_only_session(project.settings) as connection:
            return series_live_in_one_partition(connection)

    return evaluated_when_it_changes(context.cursor, "offset_index", ONE_PARTITION, find, tells_more=True)


def evaluated_when_it_changes(
    cursor: str | None,
    asset: str,
    check: str,
    find: Callable[[], Finding],
    must_last: bool = False,
    tells_more: bool = False,
) -> dg.SensorResult | dg.SkipReason:
    """Evaluate a check if its outcome differs from the last one, `cursor`, or if there is none; else skip.

    If it `must_last`, a check that does not pass is evaluated only if it did not pass the time before either. If it
    `tells_more`, one that does not pass is evaluated also where its description differs.
    """
    with failing_in_one_line():
        finding = find()
    if tells_more and not finding.passed:
        state = finding.description
    else:
        state = "well" if finding.passed else "error" if finding.is_error else "warning"
    if state == cursor:
        return dg.SkipReason(finding.description)
    if must_last and not finding.passed and cursor != _SEEN_ONCE:
        reason = f"{finding.description}; the check fails if that is still so in {_EVERY_S} seconds"
        return dg.SensorResult(skip_reason=reason, cursor=_SEEN_ONCE)
    return dg.SensorResult(
        skip_reason=finding.description, cursor=state, asset_events=[evaluation(asset, check, finding)]
    )


WATCHERS = [flink_job_not_running, kafka_retention_too_short, series_in_two_partitions, customer_sessions_too_long]
