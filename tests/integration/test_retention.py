"""Old rows are dropped by the batch layer's own role, by whole chunks, and nothing else is."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from batch.results.retention import Dropped, drop_before, kept_days
from orchestration.jobs import retention
from orchestration.resources import Project
from sma.averages import load_averages
from sma.errors import SmaError

OLD = datetime(2013, 1, 10, tzinfo=UTC)


@pytest.fixture
def rows(own_database):
    """In each layer two rows of 2013 in one chunk, and one of today; one old difference and correction."""
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        for layer in ("streaming", "batch"):
            for as_of in (OLD, OLD + timedelta(hours=1), datetime.now(UTC)):
                connection.execute(
                    f"INSERT INTO sma.{layer}_averages (customer, metric, average, as_of, value_sum, event_count) "
                    "VALUES ('A', 'm', 'hour', %s, 1, 1)",
                    (as_of,),
                )
        connection.execute(
            "INSERT INTO sma.differences (run_id, customer, metric, average, as_of, class, is_explained, "
            "late_event_count) VALUES ('run', 'A', 'm', 'hour', %s, 'changed', true, 1)",
            (OLD,),
        )
        connection.execute(
            "INSERT INTO sma.corrections (run_id, customer, metric, average, as_of) "
            "VALUES ('run', 'A', 'm', 'hour', %s)",
            (OLD,),
        )
        yield connection


def count(connection, table):
    return connection.execute(f"SELECT count(*) FROM sma.{table}").fetchone()[0]


def test_chunks_before_the_day_are_dropped_and_told(own_database, rows):
    assert drop_before(own_database.settings, date(2020, 1, 1)) == [
        Dropped("streaming_averages", 1, 2),
        Dropped("batch_averages", 1, 2),
        Dropped("differences", 1, 1),
        Dropped("corrections", 1, 1),
    ]
    assert [count(rows, table) for table in ("streaming_averages", "batch_averages", "differences")] == [1, 1, 0]


def test_a_chunk_that_reaches_past_the_day_stays_whole(own_database, rows):
    assert drop_before(own_database.settings, OLD.date() + timedelta(days=1))[0] == Dropped("streaming_averages", 0, 0)
    assert count(rows, "streaming_averages") == 3


def test_todays_rows_cannot_be_dropped(own_database, rows):
    with pytest.raises(SmaError, match="rows of the last day are not dropped"):
        drop_before(own_database.settings, datetime.now(UTC).date() + timedelta(days=8))


@pytest.mark.parametrize("url", ["database_url", "streaming_database_url"])
def test_no_other_role_may_drop(own_database, url):
    with (
        psycopg.connect(getattr(own_database.settings, url).get_secret_value()) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT sma.drop_chunks_before('2013-01-01')")


@pytest.mark.parametrize(("keep_days", "left"), [(0, 3), (30, 1)])
def test_the_job_follows_the_setting(own_database, rows, keep_days, left):
    class Kept(Project):
        settings = own_database.settings.model_copy(update={"keep_days": keep_days})
        averages = load_averages(own_database.settings.averages)

    with dg.DagsterInstance.ephemeral() as instance:
        assert retention.execute_in_process(resources={"project": Kept()}, instance=instance).success
    assert count(rows, "batch_averages") == left


def test_days_that_are_no_longer_kept_are_left_out_with_a_word():
    said = []
    days = [date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)]
    assert kept_days(days, 1, date(2013, 1, 3), said.append) == days[1:]
    assert said == ["1 of 3 days are before 2013-01-02 and no longer kept: left out"]
    assert kept_days(days, 0, date(2013, 1, 3), said.append) == days
    assert len(said) == 1
