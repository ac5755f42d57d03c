"""Defines the asset checks outside of a materialization: run by hand, with the pass over the log, or by a sensor.

Their findings come from functions of `batch`, which do not import Dagster.
"""

import dagster as dg

from batch.checks.finding import Finding
from batch.checks.index_checks import batch_keeps_up, index_has_no_gaps, series_live_in_one_partition
from batch.checks.log_retention import days_are_retained
from batch.checks.stream_job import job_runs
from batch.store.read_only import read_only_session
from orchestration.partitions import today
from orchestration.resources import Project, failing_in_one_line
from sma.durations import parse_duration

JOB_RUNS = "flink_job_runs"
RETAINED = "kafka_retains_what_days_need"
ONE_PARTITION = "series_in_one_partition"

_Project = dg.ResourceParam[Project]


@dg.asset_check(
    asset="offset_index", description="The newest blocks of each partition touch one another: no record is left out."
)
def index_without_gaps(project: _Project) -> dg.AssetCheckResult:
    """Check the newest blocks."""
    with failing_in_one_line(), read_only_session(project.settings) as connection:
        return result(index_has_no_gaps(connection))


@dg.asset_check(
    asset="offset_index",
    name=ONE_PARTITION,
    description="No series has had events in two partitions within the last day: only in one, their order is total.",
)
def series_in_one_partition(project: _Project) -> dg.AssetCheckResult:
    """Check all series."""
    with failing_in_one_line(), read_only_session(project.settings) as connection:
        return result(series_live_in_one_partition(connection))


@dg.asset_check(
    asset="batch_averages",
    additional_deps=["streaming_averages"],
    description="No streamed row has been without a batch result for longer than SMA_BATCH_MAX_AGE.",
)
def batch_not_older_than_stream(project: _Project) -> dg.AssetCheckResult:
    """Check the streamed rows after the newest batch result."""
    settings = project.settings
    with failing_in_one_line(), read_only_session(settings) as connection:
        return result(batch_keeps_up(connection, project.averages, parse_duration(settings.batch_max_age)))


@dg.asset_check(asset="streaming_averages", name=JOB_RUNS, description="Flink answers and runs the job SMA_JOB_NAME.")
def flink_job_runs(project: _Project) -> dg.AssetCheckResult:
    """Ask Flink."""
    return result(job_runs(project.settings))


@dg.asset_check(
    asset="events",
    name=RETAINED,
    description="Kafka retains what the days to reconcile require, for twice the time that reconciling them takes.",
)
def kafka_retains_what_days_need(project: _Project) -> dg.AssetCheckResult:
    """Ask Kafka and the offset index."""
    with failing_in_one_line():
        return result(days_are_retained(project.settings, project.averages, today()))


def result(finding: Finding) -> dg.AssetCheckResult:
    """Return a finding as the result of the check that asked for it."""
    return dg.AssetCheckResult(
        passed=finding.passed,
        severity=_severity(finding),
        description=finding.description,
        metadata=dict(finding.figures),
    )


def evaluation(asset: str, check: str, finding: Finding) -> dg.AssetCheckEvaluation:
    """Return a finding as an evaluation by a sensor, without a run."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=check,
        passed=finding.passed,
        severity=_severity(finding),
        description=finding.description,
        metadata=dict(finding.figures),
    )


def _severity(finding: Finding) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if finding.is_error else dg.AssetCheckSeverity.WARN


CHECKS = [
    index_without_gaps,
    series_in_one_partition,
    batch_not_older_than_stream,
    flink_job_runs,
    kafka_retains_what_days_need,
]
