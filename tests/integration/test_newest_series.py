"""The series that `sma status` lists: those that the stream wrote last, how far each has come, and how many others."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from monitoring.newest_series import NewestSeries, read_newest_series
from sma.errors import SmaError

DAY = datetime(2013, 1, 31, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
PUBLISHED = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def execute(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO sma.averages (name, window_ms, every_ms) "
            "VALUES ('hour', 3600000, 60000), ('day', 86400000, 3600000)"
        )
        yield connection.execute


def add_row(execute, layer, customer, as_of, written_at, average="hour"):
    execute(
        f"INSERT INTO sma.{layer} (customer, metric, average, as_of, value_sum, event_count, written_at) "
        "VALUES (%s, 'm', %s, %s, 1, 1, %s)",
        (customer, average, as_of, written_at),
    )


def add_reconciliation(execute, reconciled_at):
    execute(
        "INSERT INTO sma.reconciliations (run_id, day, average, reconciled_at, windows_compared, equal, changed, "
        "missing_in_stream, extra_in_stream, explained, unexplained, read_to, duration_seconds) "
        "VALUES ('r', %s, 'hour', %s, 1, 1, 0, 0, 0, 0, 0, '{}', 1)",
        (DAY.date(), reconciled_at),
    )


def read(place, most=5) -> NewestSeries:
    return read_newest_series(place.settings, most, limit_s=20)


def state_of_the_only_series(place) -> str:
    (series,) = read(place).series
    return series.state


def test_without_a_series_there_is_none(own_database, execute):
    assert read(own_database) == NewestSeries((), 0)


def test_series_are_listed_by_when_the_stream_wrote_them_and_not_by_event_time(own_database, execute):
    #            newest window   written
    #  old       2026            an hour ago
    #  new       2013            now
    add_row(execute, "streaming_averages", "old", PUBLISHED - timedelta(days=1), PUBLISHED - timedelta(hours=1))
    add_row(execute, "streaming_averages", "new", NOON, PUBLISHED)
    assert [series.customer for series in read(own_database).series] == ["new", "old"]


def test_the_others_are_counted(own_database, execute):
    for number in range(7):
        add_row(execute, "streaming_averages", f"c{number}", NOON, PUBLISHED + timedelta(seconds=number))
    found = read(own_database, most=3)
    assert [series.customer for series in found.series] == ["c6", "c5", "c4"]
    assert found.more == 4


def test_the_newest_window_is_that_of_any_average(own_database, execute):
    add_row(execute, "streaming_averages", "c", NOON, PUBLISHED)
    add_row(execute, "streaming_averages", "c", NOON + timedelta(hours=1), PUBLISHED, average="day")
    (series,) = read(own_database).series
    assert (series.average, series.as_of, series.written_at) == ("day", NOON + timedelta(hours=1), PUBLISHED)


def test_a_series_without_a_window_comes_last_with_its_newest_event(own_database, execute):
    execute("INSERT INTO sma.indexed_series VALUES (0, 'a', 'm', 7)")
    add_row(execute, "streaming_averages", "z", NOON, PUBLISHED)
    z, a = read(own_database).series
    assert (z.customer, z.newest_event_ms, z.state) == ("z", None, "streamed")
    assert (a.customer, a.newest_event_ms, a.as_of, a.written_at, a.state) == ("a", 7, None, None, "open")


def test_a_window_is_reconciled_once_a_reconciliation_has_followed_both_rows(own_database, execute):
    add_row(execute, "streaming_averages", "c", NOON, PUBLISHED)
    assert state_of_the_only_series(own_database) == "streamed"
    add_row(execute, "batch_averages", "c", NOON, PUBLISHED + timedelta(minutes=1))
    assert state_of_the_only_series(own_database) == "computed"
    add_reconciliation(execute, PUBLISHED + timedelta(minutes=2))
    assert state_of_the_only_series(own_database) == "reconciled"


def test_a_window_that_the_stream_has_corrected_since_is_to_be_reconciled(own_database, execute):
    add_row(execute, "batch_averages", "c", NOON, PUBLISHED)
    add_reconciliation(execute, PUBLISHED + timedelta(minutes=2))
    add_row(execute, "streaming_averages", "c", NOON, PUBLISHED + timedelta(minutes=3))
    assert state_of_the_only_series(own_database) == "computed"


def test_a_window_of_the_batch_layer_alone_is_reconciled_too(own_database, execute):
    execute("INSERT INTO sma.indexed_series VALUES (0, 'c', 'm', 7)")
    add_row(execute, "batch_averages", "c", NOON, PUBLISHED)
    add_reconciliation(execute, PUBLISHED + timedelta(minutes=2))
    (series,) = read(own_database).series
    assert (series.as_of, series.written_at, series.state) == (NOON, None, "reconciled")


def test_a_window_ahead_of_the_clock_is_not_the_newest(own_database, execute):
    add_row(execute, "streaming_averages", "c", NOON, PUBLISHED)
    add_row(execute, "streaming_averages", "c", datetime(2999, 1, 1, tzinfo=UTC), PUBLISHED)
    (series,) = read(own_database).series
    assert series.as_of == NOON


def test_a_database_that_takes_too_long_is_an_error_in_one_line(own_database, execute):
    add_row(execute, "streaming_averages", "c", NOON, PUBLISHED)
    execute("BEGIN")
    execute("LOCK TABLE sma.averages")
    with pytest.raises(SmaError, match="canceling statement due to statement timeout"):
        read_newest_series(own_database.settings, 5, limit_s=0.05)
