"""Defines the sensors that evaluate a check only when its outcome changes."""

from collections.abc import Callable

import dagster as dg

from batch.checks.finding import Finding
from batch.checks.log_retention import days_are_retained
from batch.checks.stream_job import job_runs
from orchestration.automation import SENSORS_START
from orchestration.checks import JOB_RUNS, RETAINED, evaluation
from orchestration.partitions import today
from orchestration.resources import Project, failing_in_one_line


@dg.sensor(minimum_interval_seconds=30, default_status=SENSORS_START)
def flink_job_not_running(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Ask Flink whether the job runs; the check on `streaming_averages` fails where it does not."""
    return evaluated_when_it_changes(context.cursor, "streaming_averages", JOB_RUNS, lambda: job_runs(project.settings))


@dg.sensor(minimum_interval_seconds=300, default_status=SENSORS_START)
def kafka_retention_too_short(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Compare what Kafka retains with what unreconciled days require; the check on `events` warns in time."""
    return evaluated_when_it_changes(
        context.cursor, "events", RETAINED, lambda: days_are_retained(project.settings, project.averages, today())
    )


def evaluated_when_it_changes(
    cursor: str | None, asset: str, check: str, find: Callable[[], Finding]
) -> dg.SensorResult | dg.SkipReason:
    """Evaluate a check if its outcome differs from the last one, `cursor`, or if there is none; else skip."""
    with failing_in_one_line():
        finding = find()
    state = "well" if finding.passed else "error" if finding.is_error else "warning"
    if state == cursor:
        return dg.SkipReason(finding.description)
    return dg.SensorResult(
        skip_reason=finding.description, cursor=state, asset_events=[evaluation(asset, check, finding)]
    )


WATCHERS = [flink_job_not_running, kafka_retention_too_short]
