"""Defines the schedules and sensors: the pass over the log, runs for stale days, the audit, the drop of old rows.

Why there are both a schedule and a sensor: docs/decisions/0016-schedule-and-sensor.md.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from batch.schedule.backlog import Backlog
from batch.schedule.stale_days import StaleDay
from batch.schedule.unclosed_words import WHAT_CLOSES, all_holding_in_words
from orchestration.jobs import audit, extend_index, reconcile, retention
from orchestration.partitions import left_out, partition_bounds, ranges_of, today
from orchestration.resources import Project, failing_in_one_line
from sma.settings import load_settings

MOST_DAYS = 366
MOST_RUNS = 20
LATE_EVENTS_WAIT = timedelta(minutes=15)  # the schedule's next pass, and the start of a reconciliation after it
RECONCILED = frozenset({"batch_averages", "reconciliations"})

UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_ON = load_settings().automation
SCHEDULES_START = dg.DefaultScheduleStatus.RUNNING if _ON else dg.DefaultScheduleStatus.STOPPED
SENSORS_START = dg.DefaultSensorStatus.RUNNING if _ON else dg.DefaultSensorStatus.STOPPED


@dg.schedule(cron_schedule="*/12 * * * *", execution_timezone="UTC", job=extend_index, default_status=SCHEDULES_START)
def index_every_12_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Index the new records of the log; the sensor `reconcile_what_has_closed` reconciles afterwards."""
    if is_under_way(context.instance, extend_index.name, {"offset_index"}):
        return dg.SkipReason("the last pass over the log has not ended yet")
    return dg.RunRequest()


@dg.schedule(cron_schedule="30 3 * * *", execution_timezone="UTC", job=retention, default_status=SCHEDULES_START)
def retention_every_night(project: dg.ResourceParam[Project]) -> dg.RunRequest | dg.SkipReason:
    """Drop rows that are older than SMA_KEEP_DAYS."""
    if not project.settings.keep_days:
        return dg.SkipReason("all rows are kept: SMA_KEEP_DAYS is 0")
    return dg.RunRequest()


@dg.schedule(cron_schedule="40 */4 * * *", execution_timezone="UTC", job=audit, default_status=SCHEDULES_START)
def audit_every_4_hours(
    context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.RunRequest | dg.SkipReason:
    """Audit the days that are due: each at least once in SMA_AUDIT_PERIOD, so many in a run that all get their turn."""
    if is_under_way(context.instance, audit.name, {"audits"}):
        return dg.SkipReason("the last audit has not ended yet")
    with failing_in_one_line():
        due, without_events = project.days_to_audit()
    if not due.due and not without_events:
        return dg.SkipReason(
            f"no day is due: the rows of all {due.settled:,} were compared with the log within half of SMA_AUDIT_PERIOD"
        )
    return dg.RunRequest()


@dg.sensor(job=reconcile, minimum_interval_seconds=30, default_status=SENSORS_START)
def reconcile_what_has_closed(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Reconcile the stale days each time the log has been indexed, days of late events included."""
    indexed = context.instance.fetch_materializations(dg.AssetKey("offset_index"), limit=1).records
    if not indexed:
        return dg.SkipReason("the log has not been indexed yet")
    newest = str(indexed[0].storage_id)
    if newest == context.cursor:
        return dg.SkipReason("the log has not been indexed since the last evaluation")
    if is_reconciling(context.instance):
        return dg.SkipReason("a reconciliation is queued or running: evaluated again when it has ended")
    backlog = read_backlog(project)
    others = backlog.outside(*partition_bounds())
    if others:
        context.log.info(left_out(others))
    stale = backlog.reconcilable(*partition_bounds())
    if not stale:
        reasons = ["no day to reconcile: every closed window is reconciled", *([left_out(others)] if others else [])]
        return dg.SensorResult(skip_reason="; ".join([*reasons, *held_back(project)]), cursor=newest)
    return dg.SensorResult(run_requests=requests(stale, newest), cursor=newest)


@dg.sensor(job=reconcile, minimum_interval_seconds=300, default_status=SENSORS_START)
def late_events_waiting(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Reconcile the days of late events that have waited for longer than a reconciliation takes to start.

    They are indexed within a minute (`series_in_two_partitions`), and reconciled after the schedule's next pass.
    """
    if is_reconciling(context.instance):
        return dg.SkipReason("a reconciliation is queued or running")
    since = datetime.now(UTC) - LATE_EVENTS_WAIT
    stale = read_backlog(project).reconcilable(*partition_bounds())
    waiting = [each for each in stale if each.late_since is not None and each.late_since < since]
    if not waiting:
        return dg.SkipReason("no late event waits for a reconciliation")
    newest = max(each.late_since for each in waiting if each.late_since is not None)
    return dg.SensorResult(run_requests=requests(waiting, f"late events of {newest.isoformat()}"))


def is_reconciling(instance: dg.DagsterInstance) -> bool:
    """Tell whether a reconciliation is queued or running; an audit reconciles the days that it has recomputed."""
    return is_under_way(instance, reconcile.name, RECONCILED) or is_under_way(instance, audit.name, {"audits"})


def is_under_way(instance: dg.DagsterInstance, job_name: str, assets: Iterable[str]) -> bool:
    """Tell whether a run of a job, or any other of these assets, is queued or running."""
    wanted = {dg.AssetKey(name) for name in assets}
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED), limit=1000)
    return any(run.job_name == job_name or wanted & (run.asset_selection or frozenset()) for run in runs)


def read_backlog(project: Project) -> Backlog:
    """Return the stale days that are kept, and what of the log they require."""
    with failing_in_one_line():
        return project.backlog(today())


def held_back(project: Project) -> list[str]:
    """Return what holds the windows of further events back, and what closes them; nothing where all are closed."""
    with failing_in_one_line():
        unclosed = project.unclosed()
    if not unclosed.events:
        return []
    days = " to ".join(str(day) for day in sorted({unclosed.days[0], unclosed.days[-1]}))
    at_least = "" if unclosed.is_exact else "at least "
    what = f"{at_least}{unclosed.events:,} events of {days} are in no closed window"
    return [what, *all_holding_in_words(unclosed), f"what closes them: {WHAT_CLOSES}"]


def requests(stale: Sequence[StaleDay], because_of: str) -> list[dg.RunRequest]:
    """Return a run for each unbroken range of days, oldest first; days over the limit are left for later."""
    ranges = ranges_of([each.day for each in stale[:MOST_DAYS]])[:MOST_RUNS]
    return [
        dg.RunRequest(
            run_key=f"{because_of}: {start} to {end}",
            tags={
                "dagster/asset_partition_range_start": str(start),
                "dagster/asset_partition_range_end": str(end),
                "sma/reason": _reasons([each for each in stale if start <= each.day <= end]),
            },
        )
        for start, end in ranges
    ]


def _reasons(stale: Sequence[StaleDay]) -> str:
    reasons = frozenset().union(*(each.reasons for each in stale))
    return ", ".join(sorted(reasons | ({"late events"} if any(each.late_since for each in stale) else set())))


SCHEDULES = [index_every_12_minutes, audit_every_4_hours, retention_every_night]
SENSORS = [reconcile_what_has_closed, late_events_waiting]
