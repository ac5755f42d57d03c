"""The refresh as Dagster runs it, against the local server and the real database: materialized, audited, or failed."""

from contextlib import closing, contextmanager
from datetime import UTC, datetime, time, timedelta
from random import Random

import dagster as dg
import psycopg
import pytest
from pydantic import SecretStr

from batch.store.read_only import read_only_session
from orchestration.definitions import definitions
from orchestration.refresh import REFRESHED, power_bi, refresh_what_was_reconciled
from powerbi.refresh.audit import Trail, waiting_days
from powerbi.refresh.clock import Clock, SystemClock
from powerbi.refresh.connection import model_of
from powerbi.refresh.follow import Ended
from powerbi.refresh.plan import Plan, body_of
from powerbi.refresh.service import PowerBi
from sma.settings import Settings
from tests.support.powerbi_service import FakeClock, Service, serving
from tests.support.powerbi_tables import Tables

ROW = """
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    VALUES ('A', 'm', 'hour', %s, 1, 1)
"""


@pytest.fixture
def database(own_database):
    """One reconciled day, with a row of each layer."""
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        for layer in ("streaming", "batch"):
            connection.execute(
                f"INSERT INTO sma.{layer}_averages (customer, metric, average, as_of, value_sum, event_count)"
                " VALUES ('A', 'm', 'hour', date_trunc('hour', now()), 1, 1)"
            )
        reconcile(connection)
        yield connection


def reconcile(connection, took_rows_at=None, day=None):
    connection.execute(
        "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,"
        " extra_in_stream, explained, unexplained, read_to, duration_seconds, reconciled_at) VALUES (%s,"
        " coalesce(%s, (now() AT TIME ZONE 'UTC')::date), 'hour', 1, 1, 0, 0, 0, 0, 0, '{}', 1, coalesce(%s, now()))",
        (str(datetime.now(UTC)), day, took_rows_at),
    )


class Project:
    averages = None

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock

    def with_settings(self, **changed) -> "Project":
        return Project(self.settings.model_copy(update=changed), self.clock)


@contextmanager
def refreshing(own_database, clock=None, **of_service):
    clock = clock or FakeClock(datetime.now(UTC).timestamp())
    with serving(Service(clock, **of_service)) as service:
        names = ("tenant_id", "client_id", "workspace_id", "dataset_id")
        values = {f"powerbi_{name}": value for name, value in zip(names, ("tenant", "sma", "w", "d"), strict=True)}
        values |= {"powerbi_url": service.url, "powerbi_login_url": service.url, "powerbi_enhanced": True}
        values |= {"powerbi_client_secret": "hush"}
        tables = service.tables
        values["powerbi_partitioned_tables"] = ", ".join(tables.partitioned) if tables else ""
        values["powerbi_other_tables"] = ", ".join(tables.others) if tables else ""
        held = own_database.settings.model_dump() | values
        yield service, Project(Settings.model_validate(held), clock)


def materialize(project, instance):
    return dg.materialize([power_bi], resources={"project": project}, instance=instance, raise_on_error=False)


def sense(project, instance):
    return refresh_what_was_reconciled(
        dg.build_sensor_context(instance=instance, definitions=definitions), project=project
    )


def leave_open(service, project):
    """Ask for a refresh as a run does that is killed once Power BI has accepted it."""
    model, trail = model_of(project.settings), Trail(project.settings)
    with closing(PowerBi(model, service.clock)) as client:
        trail.begin("killed", "enhanced", "time")
        trail.prepare("killed", lambda _: Plan("model"))
        trail.accept("killed", client.trigger(body_of(model, Plan("model"))).request_id, 0)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def test_a_reconciliation_is_refreshed_once_and_the_next_one_again(own_database, database, instance):
    with refreshing(own_database) as (service, project):
        assert isinstance(sense(project, instance), dg.RunRequest)
        result = materialize(project, instance)
        assert result.success
        (materialized,) = result.asset_materializations_for_node("power_bi")
        told = {name: value.value for name, value in materialized.metadata.items()}
        assert (told["request_id"], told["status"]) == (service.refreshes[0].request_id, "completed")
        assert told["refresh_seconds"] > 0
        assert told["visible_data_age_seconds"] >= told["window_closed_to_reconciled_seconds"]
        assert told["window_closed_to_reconciled_seconds"] >= told["window_closed_to_streamed_seconds"]
        row = database.execute(
            "SELECT request_id, refresh_type, status, window_end = date_trunc('hour', now()),"
            " asked_at <= accepted_at AND accepted_at <= ended_at FROM sma.refreshes"
        ).fetchone()
        assert row == (service.refreshes[0].request_id, "enhanced", "completed", True, True)
        assert "nothing was reconciled" in sense(project, instance).skip_message
        reconcile(database)
        assert sense(project, instance).tags["sma/reason"] == "reconciliation"
        with read_only_session(own_database.settings) as connection:
            assert waiting_days(connection) == [datetime.now(UTC).date()]


def test_a_failed_refresh_fails_the_run_and_the_check(own_database, database, instance):
    with refreshing(own_database, weights=(0, 1, 0, 0)) as (service, project):
        result = materialize(project, instance)
        assert not result.success
        (check,) = result.get_asset_check_evaluations()
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert service.refreshes[0].request_id in check.description
        assert database.execute("SELECT status FROM sma.refreshes").fetchall() == [("failed",)]
        assert "the last refresh failed" in sense(project, instance).skip_message


def test_a_used_up_quota_is_a_warning_and_holds_the_next_refresh(own_database, database, instance):
    with refreshing(own_database, throttle_next=[7200]) as (_, project):
        result = materialize(project, instance)
        (check,) = result.get_asset_check_evaluations()
        assert (result.success, check.passed, check.severity) == (True, False, dg.AssetCheckSeverity.WARN)
        assert result.asset_materializations_for_node("power_bi") == []
        retry_at = database.execute("SELECT retry_at FROM sma.refreshes").fetchone()[0]
        assert check.description == f"throttled: Too many requests; the next from {retry_at:%H:%M} UTC"
        assert "quota" in sense(project, instance).skip_message


def test_a_reconciliation_that_commits_while_a_refresh_runs_waits_for_the_next(own_database, database, instance):
    #   reconciled_at ──── refresh asked for ──── reconciliation committed ──── refresh completed
    took_rows_at = database.execute("SELECT clock_timestamp()").fetchone()[0]
    trail = Trail(own_database.settings)
    trail.begin("asked", "enhanced", "time")
    trail.prepare("asked", lambda _: Plan("model"))
    trail.accept("asked", "id", 0)
    reconcile(database, took_rows_at)
    trail.end("asked", Ended("completed"))
    with read_only_session(own_database.settings) as connection:
        assert waiting_days(connection) == [datetime.now(UTC).date()]
    with refreshing(own_database) as (_, project):
        assert sense(project, instance).tags["sma/reason"] == "reconciliation"


@pytest.mark.parametrize("hours", [-5, 5])
def test_this_machines_clock_decides_nothing(own_database, database, instance, hours):
    with refreshing(own_database) as (service, project):
        service.clock.time += hours * 3600
        assert materialize(project, instance).success
        assert "nothing was reconciled" in sense(project, instance).skip_message
        reconcile(database)
        assert sense(project, instance).tags["sma/reason"] == "reconciliation"


def test_the_quota_of_shared_capacity_is_spread_and_shown(own_database, database, instance):
    with refreshing(own_database, daily_quota=8) as (_, project):
        shared = project.with_settings(powerbi_enhanced=False)
        result = materialize(shared, instance)
        (check,) = result.get_asset_check_evaluations()
        asked_at = database.execute("SELECT asked_at FROM sma.refreshes").fetchone()[0]
        next_at = asked_at + timedelta(hours=3)
        assert check.description == f"completed; 1 of 8 refreshes in 24 hours; the next from {next_at:%H:%M} UTC"
        told = {name: value.value for name, value in check.metadata.items()}
        assert (told["refreshes_in_24_hours"], told["refreshes_allowed_in_24_hours"]) == (1, 8)
        assert told["quota_allows_next_at"] == pytest.approx(next_at.timestamp())
        reconcile(database)
        assert "1 of 8 refreshes in 24 hours, spread evenly" in sense(shared, instance).skip_message


def test_a_request_without_an_end_of_its_run_is_followed_by_the_next_run(own_database, database, instance):
    with refreshing(own_database, weights=(0, 1, 0, 0)) as (service, project):
        leave_open(service, project)
        service.weights = (1, 0, 0, 0)
        assert sense(project, instance).tags["sma/reason"] == "left open"
        result = materialize(project, instance)
        assert not result.success  # it failed, says Power BI; its run was killed before it knew
        (check,) = result.get_asset_check_evaluations()
        assert service.refreshes[0].request_id in check.description
        assert check.metadata["asked_by_run"].value == "killed"
        assert len(service.refreshes) == 1
        assert database.execute("SELECT run_id, status FROM sma.refreshes").fetchall() == [("killed", "failed")]


def test_a_request_left_open_that_completed_is_a_materialization(own_database, database, instance):
    with refreshing(own_database) as (service, project):
        leave_open(service, project)
        result = materialize(project, instance)
        assert result.success
        (materialized,) = result.asset_materializations_for_node("power_bi")
        assert materialized.metadata["request_id"].value == service.refreshes[0].request_id
        assert "nothing was reconciled" in sense(project, instance).skip_message


def test_where_power_bi_refuses_to_tell_the_request_stays_open(own_database, database, instance):
    with refreshing(own_database) as (service, project):
        leave_open(service, project)
        rotated = project.with_settings(powerbi_client_secret=SecretStr("rotated"))
        result = materialize(rotated, instance)
        assert not result.success
        assert "sign-in" in result.failure_data_for_node("power_bi").user_failure_data.description
        assert database.execute("SELECT status FROM sma.refreshes").fetchall() == [(None,)]
        assert "not known" in sense(project, instance).skip_message
        assert materialize(project, instance).success  # a new secret, and it is found out
        assert database.execute("SELECT status FROM sma.refreshes").fetchall() == [("completed",)]


def test_an_outage_past_the_bound_is_unknown_and_loud(own_database, database, instance):
    with refreshing(own_database) as (service, project):
        leave_open(service, project)
        service.down_until = float("inf")
        result = materialize(project, instance)
        assert not result.success
        (check,) = result.get_asset_check_evaluations()
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert check.description.startswith("unknown: Power BI has not reported the end")
        assert database.execute("SELECT status FROM sma.refreshes").fetchall() == [("unknown",)]


def test_a_request_that_power_bi_had_not_named_is_unknown(own_database, database, instance):
    with refreshing(own_database) as (_, project):
        Trail(own_database.settings).begin("killed", "enhanced", "time")
        assert materialize(project, instance).success
        found = database.execute("SELECT status FROM sma.refreshes ORDER BY asked_at").fetchall()
        assert found == [("unknown",), ("completed",)]


def test_whatever_is_reconciled_ends_up_in_the_partitions_of_the_model(own_database, database, instance):
    """The local server reads what a request names and no more; the trail says that nothing waits: then all is there."""
    random = Random(7)
    newest = datetime.now(UTC).date() - timedelta(days=150)  # four steps of 31 days at most: never ahead of the clock
    loaded = {}
    database.execute("TRUNCATE sma.streaming_averages, sma.batch_averages, sma.reconciliations")
    database.execute(ROW, (datetime.combine(newest, time(12), UTC),))

    def read(first, last):
        rows = "SELECT day, max(reconciled_at) FROM sma.reconciliations WHERE day BETWEEN %s AND %s GROUP BY day"
        loaded.update(database.execute(rows, (first, last)).fetchall())

    tables = Tables(read=read)
    with refreshing(own_database, tables=tables) as (service, project):
        for step in range(24):
            if step % 6 == 5:  # time goes on: the policy takes in a new day, and may merge old ones
                newest += timedelta(days=random.choice((1, 1, 31)))
                database.execute(ROW, (datetime.combine(newest, time(12), UTC),))
            for age in random.sample((0, 1, 2, 20, 34, 35, 36, 60, 200, 700), random.randint(1, 2)):
                reconcile(database, day=newest - timedelta(days=age))
            service.weights = random.choice(((1, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0)))
            for _ in range(3):
                materialize(project, instance)
                service.weights = (1, 0, 0, 0)
                with read_only_session(own_database.settings) as connection:
                    if not waiting_days(connection):
                        break
            else:
                pytest.fail("three refreshes do not contain what was reconciled")
            stored = "SELECT day, max(reconciled_at) FROM sma.reconciliations GROUP BY day"
            assert loaded == dict(database.execute(stored).fetchall())
        scopes = dict(database.execute("SELECT scope, count(*) FROM sma.refreshes GROUP BY scope").fetchall())
    assert min(scopes.get(scope, 0) for scope in ("policy", "tables", "partitions")) >= 3


def test_a_failed_refresh_shows_in_dagster_within_a_minute_of_the_real_clock(own_database, database, instance):
    with refreshing(own_database, SystemClock(), weights=(0, 1, 0, 0), duration_s=(1, 1)) as (service, project):
        assert not materialize(project, instance).success
        (shown,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("power_bi"), REFRESHED), limit=1
        )
        (run,) = instance.get_run_records()
    assert 0 < shown.event.timestamp - service.refreshes[0].ends < 60
    assert 0 < run.end_time - service.refreshes[0].ends < 60


def test_without_settings_it_is_off_and_says_so(own_database, database, instance):
    project = Project(own_database.settings, SystemClock())
    assert sense(project, instance).skip_message.startswith("off: SMA_POWERBI_")
    result = materialize(project, instance)
    (check,) = result.get_asset_check_evaluations()
    assert (result.success, check.passed) == (True, True)
    assert check.description.startswith("off: ")
