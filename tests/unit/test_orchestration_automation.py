"""What starts by itself, and when it does not: evaluated against a Dagster in memory and a database that is a list."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from batch.audit.due_days import RUN_EVERY_MS, DueDays
from batch.checks.finding import Finding
from batch.log.offsets import OffsetRange
from batch.schedule.backlog import Backlog
from batch.schedule.stale_days import MORE_IN_THE_LOG, NO_RESULT, StaleDay
from batch.schedule.unclosed import HoldingPartition, Unclosed
from orchestration import automation, watch
from orchestration.automation import (
    audit_every_4_hours,
    index_every_12_minutes,
    late_events_waiting,
    reconcile_what_has_closed,
    retention_every_night,
)
from orchestration.definitions import definitions
from orchestration.partitions import ranges_of
from orchestration.resume import resume_key
from orchestration.watch import customer_sessions_too_long, evaluated_when_it_changes, flink_job_not_running
from sma.settings import Settings
from tests.support.fake_flink import Flink, job

DAY = date(2013, 1, 10)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def stale(day: date = DAY, late_since: datetime | None = None) -> StaleDay:
    return StaleDay(day, frozenset({NO_RESULT}), late_since)


class Project:
    """Stale days that need the Kafka offsets from 10 on; Kafka retains those from `retained_from` on."""

    averages = None

    def __init__(
        self,
        *stale_days: StaleDay,
        settings: Settings | None = None,
        retained_from: int = 10,
        unclosed: Unclosed | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.unclosed = lambda: unclosed or Unclosed(0, True, (), 0, ())
        self.stale_days = stale_days
        self.retained = {0: OffsetRange(retained_from, 100)}

    def backlog(self, _today: date) -> Backlog:
        return Backlog(self.stale_days, {each.day: {0: 10} for each in self.stale_days}, self.retained)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as held:
        yield held


@pytest.fixture
def flink():
    server = Flink()
    yield server
    server.close()


def index_once(instance):
    instance.report_runless_asset_event(dg.AssetMaterialization("offset_index"))


def sense(sensor, instance, project=None, cursor=None):
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=definitions)
    return sensor(context, project=project or Project())


def start_run(instance, job_name, status=dg.DagsterRunStatus.STARTED, assets=None):
    instance.add_run(
        dg.DagsterRun(
            job_name=job_name,
            status=status,
            asset_selection=frozenset(map(dg.AssetKey, assets)) if assets else None,
        )
    )


@pytest.fixture
def stored(tmp_path):
    """An instance on disk: a schedule reads no other."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as held:
        yield held


def test_the_log_is_indexed_every_twelve_minutes(stored):
    context = dg.build_schedule_context(instance=stored)
    assert isinstance(index_every_12_minutes(context), dg.RunRequest)
    assert (index_every_12_minutes.job_name, index_every_12_minutes.cron_schedule) == ("extend_index", "*/12 * * * *")


def test_the_log_is_not_indexed_twice_at_once(stored):
    start_run(stored, "extend_index", dg.DagsterRunStatus.STARTED)
    skipped = index_every_12_minutes(dg.build_schedule_context(instance=stored))
    assert skipped.skip_message == "the last pass over the log has not ended yet"


def test_nothing_is_reconciled_before_the_log_is_indexed(instance):
    assert "has not been indexed yet" in sense(reconcile_what_has_closed, instance, Project(stale())).skip_message


def test_unbroken_days_are_one_run(instance):
    index_once(instance)
    project = Project(*(stale(DAY + timedelta(days=number)) for number in range(3)))
    (request,) = sense(reconcile_what_has_closed, instance, project).run_requests
    assert [request.tags[name] for name in RANGE] == ["2013-01-10", "2013-01-12"]
    assert request.tags["sma/reason"] == NO_RESULT


def test_one_indexing_is_looked_at_once(instance):
    index_once(instance)
    cursor = sense(reconcile_what_has_closed, instance).cursor
    project = Project(stale())
    assert "not been indexed since" in sense(reconcile_what_has_closed, instance, project, cursor).skip_message
    index_once(instance)
    assert len(sense(reconcile_what_has_closed, instance, project, cursor).run_requests) == 1


def test_nothing_to_do_is_a_skip(instance):
    index_once(instance)
    looked = sense(reconcile_what_has_closed, instance)
    assert (looked.run_requests, looked.skip_reason.skip_message) == (
        [],
        "no day to reconcile: every closed window is reconciled",
    )


def test_what_holds_days_back_is_in_the_reason_for_doing_nothing(instance):
    index_once(instance)
    holding = HoldingPartition(3, 1_357_034_400_000, ("AA", "delay"), datetime(2026, 1, 1, 6, tzinfo=UTC))
    project = Project(unclosed=Unclosed(7, True, (DAY, DAY + timedelta(days=1)), 1_357_000_000_000, (holding,)))
    skipped = sense(reconcile_what_has_closed, instance, project).skip_reason.skip_message
    assert "; 7 events of 2013-01-10 to 2013-01-11 are in no closed window; partition 3 holds them back: " in skipped
    assert "no record has arrived since it was indexed at 2026-01-01T06:00:00Z" in skipped
    assert "`sma heartbeat`" in skipped


@pytest.mark.parametrize(
    ("job_name", "assets"),
    [("reconcile", None), ("__ASSET_JOB", ["batch_averages", "reconciliations"]), ("audit", None)],
)
@pytest.mark.parametrize("sensor", [reconcile_what_has_closed, late_events_waiting])
def test_no_reconciliation_is_started_during_another(instance, sensor, job_name, assets):
    index_once(instance)
    start_run(instance, job_name, assets=assets)
    skipped = sense(sensor, instance, Project(stale(late_since=datetime(2026, 1, 1, tzinfo=UTC))))
    assert isinstance(skipped, dg.SkipReason)  # without a cursor: it looks again when that one has ended
    assert "queued or running" in skipped.skip_message


def test_a_run_that_has_ended_blocks_no_other(instance):
    index_once(instance)
    start_run(instance, "reconcile", dg.DagsterRunStatus.FAILURE)
    assert len(sense(reconcile_what_has_closed, instance, Project(stale())).run_requests) == 1


def test_days_that_kafka_no_longer_holds_are_left_alone(instance):
    index_once(instance)
    project = Project(stale(), retained_from=11)
    assert sense(reconcile_what_has_closed, instance, project).run_requests == []


def test_days_that_are_no_partitions_yet_are_left_alone(instance):
    index_once(instance)
    project = Project(stale(datetime.now(UTC).date() + timedelta(days=2)))
    assert sense(reconcile_what_has_closed, instance, project).run_requests == []


def test_days_before_the_first_partition_are_named_and_the_others_are_reconciled(instance):
    index_once(instance)
    old = [stale(date.min), stale(date(1899, 12, 31))]
    assert "left out: 2 days from 0001-01-01 to 1899-12-31" in str(
        sense(reconcile_what_has_closed, instance, Project(*old)).skip_reason.skip_message
    )
    (request,) = sense(reconcile_what_has_closed, instance, Project(*old, stale())).run_requests
    assert [request.tags[name] for name in RANGE] == [str(DAY), str(DAY)]


def test_ranges_end_where_a_day_is_missing():
    one, two, four = (DAY + timedelta(days=number) for number in (0, 1, 3))
    assert ranges_of([one, two, four]) == [(one, two), (four, four)]


@pytest.mark.parametrize(("minutes", "runs"), [(16, 1), (14, 0), (None, 0)])
def test_late_events_that_wait_too_long_are_seen_to(instance, minutes, runs):
    since = None if minutes is None else datetime.now(UTC) - timedelta(minutes=minutes)
    looked = sense(late_events_waiting, instance, Project(stale(late_since=since)))
    assert len(getattr(looked, "run_requests", None) or []) == runs


class Settled(Project):
    """Settled days of which some are due, and days with rows that no event seems to make."""

    def __init__(self, due: tuple[date, ...] = (), without_events: tuple[date, ...] = ()) -> None:
        super().__init__()
        self.due, self.without_events = due, without_events

    def days_to_audit(self) -> tuple[DueDays, list[date]]:
        return DueDays(10, self.due, 0, 1), list(self.without_events)


@pytest.mark.parametrize("project", [Settled(due=(DAY,)), Settled(without_events=(DAY,))])
def test_an_audit_is_started_where_a_day_is_due_or_has_rows_without_events(stored, project):
    started = audit_every_4_hours(dg.build_schedule_context(instance=stored), project=project)
    assert isinstance(started, dg.RunRequest)
    assert (audit_every_4_hours.job_name, audit_every_4_hours.cron_schedule) == ("audit", "40 */4 * * *")


def test_no_audit_is_started_where_no_day_is_due(stored):
    skipped = audit_every_4_hours(dg.build_schedule_context(instance=stored), project=Settled())
    assert "the rows of all 10 were compared with the log" in skipped.skip_message


@pytest.mark.parametrize(("job_name", "assets"), [("audit", None), ("__ASSET_JOB", ["audits"])])
def test_no_audit_is_started_during_another(stored, job_name, assets):
    start_run(stored, job_name, assets=assets)
    skipped = audit_every_4_hours(dg.build_schedule_context(instance=stored), project=Settled(due=(DAY,)))
    assert skipped.skip_message == "the last audit has not ended yet"


def test_an_audit_runs_as_often_as_days_are_shared_out_for():
    hours = RUN_EVERY_MS // 3_600_000
    assert audit_every_4_hours.cron_schedule.split()[1] == f"*/{hours}"


def test_nothing_is_dropped_while_everything_is_kept():
    context = dg.build_schedule_context()
    assert "SMA_KEEP_DAYS is 0" in retention_every_night(context, project=Project()).skip_message
    kept = Project(settings=Settings(keep_days=30))
    assert isinstance(retention_every_night(context, project=kept), dg.RunRequest)


def test_a_job_is_evaluated_at_first_and_when_it_stops_or_runs_again(instance, flink):
    project = Project(settings=Settings(flink_url=flink.url, job_name="j"))

    def look(state, cursor):
        flink.has_jobs(job(state))
        return sense(flink_job_not_running, instance, project, cursor)

    well, bad = "RUNNING", "FAILED"
    first = look(well, None)
    assert [each.passed for each in first.asset_events] == [True]
    assert isinstance(look(well, first.cursor), dg.SkipReason)
    once = look(bad, first.cursor)
    assert once.asset_events == []
    stopped = look(bad, once.cursor)
    (told,) = stopped.asset_events
    assert (told.asset_key.to_user_string(), told.check_name) == ("streaming_averages", "flink_job_runs")
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert told.description.startswith("the job j is failed: ")
    assert isinstance(look(bad, stopped.cursor), dg.SkipReason)
    again = look(well, stopped.cursor)
    assert [each.passed for each in again.asset_events] == [True]
    assert isinstance(look(well, again.cursor), dg.SkipReason)


def test_a_job_that_is_started_again_within_seconds_is_no_failure(instance, flink):
    #   Dagster starts   the job starts   the demo cancels it and starts it again
    #   CANCELED         RUNNING          CANCELED             RUNNING
    project = Project(settings=Settings(flink_url=flink.url, job_name="j"))
    cursor, passed = None, []
    for state in ("CANCELED", "RUNNING", "CANCELED", "RUNNING"):
        flink.has_jobs(job(state))
        evaluated = sense(flink_job_not_running, instance, project, cursor)
        cursor = evaluated.cursor
        passed += [each.passed for each in evaluated.asset_events]
        if state == "CANCELED":
            assert "the check fails if that is still so in 30 seconds" in str(evaluated.skip_reason)
    assert passed == [True, True]


def test_a_check_that_tells_more_is_evaluated_again_when_what_it_says_has_changed():
    def look(cursor, passed, said):
        return evaluated_when_it_changes(
            cursor, "offset_index", "series_in_one_partition", lambda: Finding(passed, said), tells_more=True
        )

    one = look("well", False, "1 series")
    assert isinstance(look(one.cursor, False, "1 series"), dg.SkipReason)
    two = look(one.cursor, False, "2 series")
    assert [each.description for each in two.asset_events] == ["2 series"]
    none = look(two.cursor, True, "none")
    assert [each.passed for each in none.asset_events] == [True]
    assert isinstance(look(none.cursor, True, "none any more"), dg.SkipReason)


@pytest.mark.parametrize(
    "name",
    [
        "streaming_averages:flink_job_runs",
        "events:kafka_retains_what_days_need",
        "offset_index:series_in_one_partition",
    ],
)
def test_a_sensor_evaluates_a_check_of_the_graph(name):
    asset, check = name.split(":")
    assert dg.AssetCheckKey(dg.AssetKey(asset), check) in definitions.resolve_asset_graph().asset_check_keys


@pytest.mark.parametrize(
    ("first", "again", "key"),
    [
        ({}, None, "run-1"),
        ({}, {}, "run-1"),
        ({"dagster/backfill": "f"}, None, "f"),
        ({"dagster/backfill": "f"}, {}, "f"),  # by hand, its backfill has ended
        ({"dagster/backfill": "f"}, {"dagster/backfill": "f"}, "f"),
        ({"dagster/backfill": "g", "dagster/parent_backfill_id": "f", "dagster/root_backfill_id": "f"}, None, "f"),
    ],
)
def test_what_carries_on_the_same_work_has_the_same_key(instance, first, again, key):
    run = instance.add_run(dg.DagsterRun(job_name="reconcile", run_id="run-1", tags=first))
    if again is not None:
        group = {"root_run_id": "run-1", "parent_run_id": "run-1"}
        run = instance.add_run(dg.DagsterRun(job_name="reconcile", run_id="run-2", tags=again, **group))
    assert resume_key(instance, run) == key


def test_the_key_of_a_run_whose_first_was_deleted_is_that_runs():
    with dg.DagsterInstance.ephemeral() as empty:
        run = dg.DagsterRun(job_name="reconcile", run_id="run-2", root_run_id="run-1", parent_run_id="run-1")
        assert resume_key(empty, run) == "run-1"


def test_the_reasons_of_a_range_are_in_its_tags():
    since = datetime(2026, 1, 1, tzinfo=UTC)
    both = [stale(), StaleDay(DAY + timedelta(days=1), frozenset({MORE_IN_THE_LOG}), since)]
    (request,) = automation.requests(both, "1")
    assert request.tags["sma/reason"] == "late events, more in the log, no batch result"


def test_customers_sessions_that_last_too_long_are_ended_each_minute(instance, monkeypatch):
    ended = []
    monkeypatch.setattr(watch, "end_long_sessions", lambda settings: ended.pop(0))
    ended += [["a session of sma/AA, whose transaction was open for 0:31:00"], []]
    assert "sma/AA" in sense(customer_sessions_too_long, instance, Project(), None).skip_message
    assert "no customer's" in sense(customer_sessions_too_long, instance, Project(), None).skip_message
    assert customer_sessions_too_long in definitions.sensors
    assert customer_sessions_too_long.minimum_interval_seconds == 60
