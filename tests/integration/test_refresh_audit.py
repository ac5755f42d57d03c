"""The refresh as Dagster runs it, against the local server and the real database: materialized, audited, or failed."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from batch.bounded import look
from orchestration import refresh as wiring
from orchestration.definitions import definitions
from orchestration.refresh import power_bi, refresh_what_was_reconciled
from refresh.audit import changed_days, read_known
from sma.settings import Settings
from tests.unit.powerbi_service import FakeClock, Service, serving


@pytest.fixture
def database(place):
    """One reconciled day, with a row of each layer."""
    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        for layer in ("streaming", "batch"):
            connection.execute(
                f"INSERT INTO sma.{layer}_averages (customer, metric, average, as_of, value_sum, event_count)"
                " VALUES ('A', 'm', 'hour', date_trunc('hour', now()), 1, 1)"
            )
        reconcile(connection)
        yield connection


def reconcile(connection):
    connection.execute(
        "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,"
        " extra_in_stream, explained, unexplained, read_to, duration_seconds, reconciled_at) VALUES (%s,"
        " (now() AT TIME ZONE 'UTC')::date, 'hour', 1, 1, 0, 0, 0, 0, 0, '{}', 1, now())",
        (str(datetime.now(UTC)),),
    )


class Project:
    averages = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


@contextmanager
def refreshing(place, monkeypatch, **of_service):
    clock = FakeClock(datetime.now(UTC).timestamp())
    monkeypatch.setattr(wiring, "SystemClock", lambda: clock)
    with serving(Service(clock, **of_service)) as service:
        names = ("tenant_id", "client_id", "workspace_id", "dataset_id")
        values = {f"powerbi_{name}": value for name, value in zip(names, ("tenant", "sma", "w", "d"), strict=True)}
        values |= {"powerbi_url": service.url, "powerbi_login_url": service.url, "powerbi_enhanced": True}
        values |= {"powerbi_client_secret": "hush"}
        held = place.settings.model_dump() | values
        yield service, Project(Settings.model_validate(held))


def materialize(project, instance):
    return dg.materialize([power_bi], resources={"project": project}, instance=instance, raise_on_error=False)


def sense(project, instance):
    return refresh_what_was_reconciled(
        dg.build_sensor_context(instance=instance, definitions=definitions), project=project
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def test_a_reconciliation_is_refreshed_once_and_the_next_one_again(place, database, instance, monkeypatch):
    with refreshing(place, monkeypatch) as (service, project):
        assert isinstance(sense(project, instance), dg.RunRequest)
        result = materialize(project, instance)
        assert result.success
        (materialized,) = result.asset_materializations_for_node("power_bi")
        told = {name: value.value for name, value in materialized.metadata.items()}
        assert (told["request_id"], told["status"]) == (service.refreshes[0].request_id, "completed")
        assert told["visible_data_age_seconds"] >= told["refresh_seconds"] > 0
        assert told["window_closed_to_reconciled_seconds"] >= told["window_closed_to_streamed_seconds"]
        row = database.execute(
            "SELECT request_id, refresh_type, status, window_end = date_trunc('hour', now()),"
            " accepted_at <= ended_at FROM sma.refreshes"
        ).fetchone()
        assert row == (service.refreshes[0].request_id, "enhanced", "completed", True, True)
        assert "nothing was reconciled" in sense(project, instance).skip_message
        reconcile(database)
        assert sense(project, instance).tags["sma/reason"] == "reconciliation"
        with look(place.settings) as connection:
            known = read_known(connection)
            assert changed_days(connection, known.contained_at) == [datetime.now(UTC).date()]


def test_a_failed_refresh_fails_the_run_and_the_check(place, database, instance, monkeypatch):
    with refreshing(place, monkeypatch, weights=(0, 1, 0, 0)) as (service, project):
        result = materialize(project, instance)
        assert not result.success
        (check,) = result.get_asset_check_evaluations()
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert service.refreshes[0].request_id in check.description
        assert database.execute("SELECT status FROM sma.refreshes").fetchall() == [("failed",)]
        assert "the last refresh failed" in sense(project, instance).skip_message


def test_a_used_up_quota_is_a_warning_and_holds_the_next_refresh(place, database, instance, monkeypatch):
    with refreshing(place, monkeypatch, throttle_next=[7200]) as (_, project):
        result = materialize(project, instance)
        (check,) = result.get_asset_check_evaluations()
        assert (result.success, check.passed, check.severity) == (True, False, dg.AssetCheckSeverity.WARN)
        assert result.asset_materializations_for_node("power_bi") == []
        assert "quota" in sense(project, instance).skip_message


def test_a_run_that_died_leaves_a_refresh_that_is_called_lost(place, database, instance, monkeypatch):
    with refreshing(place, monkeypatch) as (_, project):
        database.execute(
            "INSERT INTO sma.refreshes (run_id, refresh_type, reason, asked_at)"
            " VALUES ('died', 'enhanced', 'time', %s)",
            (datetime.now(UTC) - timedelta(hours=1),),
        )
        assert materialize(project, instance).success
        found = database.execute("SELECT status FROM sma.refreshes ORDER BY asked_at").fetchall()
        assert found == [("lost",), ("completed",)]


def test_without_settings_it_is_off_and_says_so(place, database, instance):
    project = Project(place.settings)
    assert sense(project, instance).skip_message.startswith("off: SMA_POWERBI_")
    result = materialize(project, instance)
    (check,) = result.get_asset_check_evaluations()
    assert (result.success, check.passed) == (True, True)
    assert check.description.startswith("off: ")
