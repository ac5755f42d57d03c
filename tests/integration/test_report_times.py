"""Times in reports: rows of another century, of the years before Power BI's first, and at the turn of a year."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from database.customers import add_customer
from database.definitions import store_definitions
from database.migrate import connect
from powerbi.refresh.audit import Trail
from powerbi.refresh.plan import Contents, Plan
from sma.averages import Average
from sma.window import CountWindow, DurationWindow
from tests.support.places import Place

HOUR = Average("hour", DurationWindow(3_600_000), 60_000)


def utc(*parts: int) -> datetime:
    """A time as the views say it: UTC, without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture
def owner_url(own_database: Place) -> str:
    return own_database.settings.owner_database_url.get_secret_value()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    store_definitions(owner_url, [HOUR])
    with connect(owner_url) as connection:
        yield connection


def add_rows(connection: psycopg.Connection, customer: str, *times: str, layer: str = "streaming") -> None:
    """Add a row of average `hour` at each time, UTC, and the series to the index."""
    for time in times:
        connection.execute(
            f"INSERT INTO sma.{layer}_averages (customer, metric, average, as_of, value_sum, event_count)"  # noqa: S608
            " VALUES (%s, 'heat', 'hour', %s::timestamp AT TIME ZONE 'UTC', 1, 1)",
            (customer, time),
        )
    connection.execute(
        "INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms)"
        " VALUES (0, %s, 'heat', 0) ON CONFLICT DO NOTHING",
        (customer,),
    )


def calendar_months(connection: psycopg.Connection, view: str = "serving.calendar") -> list[tuple[int, int, int]]:
    """Year, month and number of days."""
    return connection.execute(
        f"SELECT year, month, count(*) FROM {view} GROUP BY year, month ORDER BY year, month"  # noqa: S608
    ).fetchall()


def test_one_row_in_2062_hides_no_live_row(owner: psycopg.Connection) -> None:
    add_rows(owner, "acme", "2024-06-03 10:05", "2024-06-03 10:06")
    add_rows(owner, "plant8", "2024-06-03 10:05", "2062-06-03 10:06")
    assert owner.execute("SELECT customer, as_of FROM serving.live ORDER BY customer, as_of").fetchall() == [
        ("acme", utc(2024, 6, 3, 10, 5)),
        ("acme", utc(2024, 6, 3, 10, 6)),
        ("plant8", utc(2024, 6, 3, 10, 5)),
    ]


def test_a_series_that_ended_years_ago_has_its_own_last_day(owner: psycopg.Connection) -> None:
    add_rows(owner, "old", "2013-01-30 10:00", "2013-01-31 09:00", "2013-01-31 10:00")
    add_rows(owner, "young", "2024-06-03 10:00")
    assert owner.execute("SELECT customer, as_of FROM serving.live ORDER BY as_of").fetchall() == [
        ("old", utc(2013, 1, 31, 9)),
        ("old", utc(2013, 1, 31, 10)),
        ("young", utc(2024, 6, 3, 10)),
    ]


@pytest.mark.parametrize("layer", ["streaming", "batch"])
def test_the_calendar_has_the_months_of_rows_and_not_the_decades_between(owner: psycopg.Connection, layer: str) -> None:
    add_rows(owner, "acme", "1970-01-01 00:01", "2024-06-03 10:05", "2062-06-03 10:06", layer=layer)
    assert calendar_months(owner) == [(1970, 1, 31), (2024, 6, 30)]


def test_the_calendar_ends_today(owner: psycopg.Connection) -> None:
    now = datetime.now(UTC)
    add_rows(owner, "acme", f"{now - timedelta(hours=1):%Y-%m-%d %H:%M}")
    assert owner.execute("SELECT max(date) FROM serving.calendar").fetchone() in {
        (now.date(),),
        (datetime.now(UTC).date(),),
    }


def test_a_customers_calendar_has_the_months_of_its_own_rows(owner: psycopg.Connection, owner_url: str) -> None:
    add_rows(owner, "acme", "1970-01-01 00:01", "2024-06-03 10:05")
    add_rows(owner, "other", "2013-01-01 00:01", "2024-07-03 10:05")
    with connect(add_customer(owner_url, "acme").url) as reader:
        assert calendar_months(reader, "calendar") == [(1970, 1, 31), (2024, 6, 30)]


@pytest.mark.parametrize(
    ("day", "week"),
    [
        ("2020-12-28", "2020-W53"),
        ("2021-01-03", "2020-W53"),
        ("2021-01-04", "2021-W01"),
        ("2024-12-29", "2024-W52"),
        ("2024-12-30", "2025-W01"),
        ("2025-01-05", "2025-W01"),
    ],
)
def test_a_week_is_named_with_its_iso_year(owner: psycopg.Connection, day: str, week: str) -> None:
    add_rows(owner, "acme", f"{day} 12:01")
    assert owner.execute("SELECT iso_week FROM serving.calendar WHERE date = %s", (day,)).fetchone() == (week,)


def test_weeks_sort_by_time(owner: psycopg.Connection) -> None:
    add_rows(owner, "acme", *(f"{day} 12:01" for day in ("2020-12-28", "2021-01-04", "2024-12-30", "2025-01-05")))
    weeks = [week for (week,) in owner.execute("SELECT iso_week FROM serving.calendar ORDER BY date").fetchall()]
    assert weeks == sorted(weeks)


def test_rows_before_power_bis_first_day_are_in_no_table_of_a_report(owner: psycopg.Connection, owner_url: str) -> None:
    add_rows(owner, "acme", "0001-01-01 00:01", "1899-12-31 10:00", "1900-02-28 23:59", "1900-03-01 00:00")
    add_rows(owner, "antique", "1899-12-31 10:00", layer="batch")
    owner.execute(
        """
        INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,
            extra_in_stream, explained, unexplained, read_to, duration_seconds)
        VALUES ('run', '1899-12-31', 'hour', 1, 0, 1, 0, 0, 1, 0, '{}', 1);
        INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
        VALUES (0, 'antique', 'heat', '1899-12-31', 1, 1);
        INSERT INTO sma.differences (run_id, customer, metric, average, as_of, class, is_explained, late_event_count,
            stream_value_sum, stream_event_count, batch_value_sum, batch_event_count)
        VALUES ('run', 'antique', 'heat', 'hour', '1899-12-31 10:00+00', 'changed', true, 1, 1, 1, 2, 2);
        UPDATE sma.indexed_series SET max_log_time_ms = -2208988800001;
        """
    )
    assert owner.execute("SELECT count(*) FROM serving.moving_averages").fetchone() == (5,)
    first = utc(1900, 3, 1)
    for view in ("facts", "live"):
        assert owner.execute(f"SELECT as_of FROM serving.{view}").fetchall() == [(first,)], view  # noqa: S608
    assert owner.execute("SELECT min(date), count(*) FROM serving.calendar").fetchone() == (first.date(), 31)
    assert owner.execute("SELECT customer, newest_window_closed FROM serving.data_age").fetchall() == [("acme", first)]
    assert owner.execute("SELECT newest_event FROM serving.series").fetchall() == [(None,), (None,)]
    for view in ("differences", "quality"):
        assert owner.execute(f"SELECT FROM serving.{view}").fetchall() == [], view  # noqa: S608


def test_the_age_of_data_is_never_negative(owner: psycopg.Connection) -> None:
    add_rows(owner, "plant8", "2024-06-03 10:05", "2062-06-03 10:06")
    add_rows(owner, "plant8", "2062-06-03 10:07", layer="batch")
    newest, age = (
        owner.execute("SELECT newest_window_closed, window_closed_age_seconds FROM serving.data_age").fetchone() or ()
    )
    assert newest == utc(2024, 6, 3, 10, 5)
    assert age > 0


def test_a_refresh_takes_no_day_ahead_of_the_clock_for_the_newest(
    own_database: Place, owner: psycopg.Connection
) -> None:
    add_rows(owner, "plant8", "2024-06-03 10:05", "2062-06-03 10:06")
    add_rows(owner, "plant8", "2062-06-03 10:07", layer="batch")
    seen: list[Contents] = []
    trail = Trail(own_database.settings)
    trail.begin("run", "enhanced", "time")

    def choose(contents: Contents) -> Plan:
        seen.append(contents)
        return Plan("model")

    trail.prepare("run", choose)
    assert seen[0].newest_day == date(2024, 6, 3)
    assert owner.execute("SELECT streamed_to AT TIME ZONE 'UTC' FROM sma.refreshes").fetchone() == (
        utc(2024, 6, 3, 10, 5),
    )


def test_windows_below_a_second_are_not_0_seconds(owner: psycopg.Connection, owner_url: str) -> None:
    store_definitions(owner_url, [Average("quarter", DurationWindow(250), 50), HOUR])
    assert owner.execute(
        "SELECT window_seconds, every_seconds, description FROM serving.averages ORDER BY average"
    ).fetchall() == [
        (Decimal(3600), Decimal(60), "last 1 hour, every 1 minute"),
        (Decimal("0.25"), Decimal("0.05"), "last 250 milliseconds, every 50 milliseconds"),
    ]


def test_averages_are_sorted_by_the_length_of_their_window_and_equal_words_have_one_place(
    owner: psycopg.Connection, owner_url: str
) -> None:
    """Power BI refuses to load a text that has two places in its order."""
    day, ten, two = DurationWindow(86_400_000), CountWindow(10), CountWindow(2)
    windows = {"a": ten, "b": day, "hour": HOUR.window, "d": two, "e": HOUR.window}
    store_definitions(owner_url, [Average(name, window, 60_000) for name, window in windows.items()])
    order = "SELECT average, window_order FROM serving.averages ORDER BY window_order, average"
    assert owner.execute(order).fetchall() == [("e", 1), ("hour", 1), ("b", 2), ("d", 3), ("a", 4)]
    places = "SELECT count(*), count(DISTINCT window_order) FROM serving.averages GROUP BY description ORDER BY 1 DESC"
    assert owner.execute(places).fetchall() == [(2, 1), (1, 1), (1, 1), (1, 1)]
