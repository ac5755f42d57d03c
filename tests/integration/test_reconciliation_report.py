"""What the report of a reconciliation ends with, and the days that runs have reconciled: rows made by hand."""

from datetime import date, timedelta

import psycopg
import pytest

from batch.report.recent_runs import count_computed_days, read_days_of_runs
from batch.report.reconciliation_report import commands_to_trace, report_before
from sma.days import day_start_ms
from sma.instants import instant
from tests.support.index_rows import DAY, HOUR_MS, IndexRows

NOON = day_start_ms(DAY) + 12 * HOUR_MS
YEARS_LATER = date(2024, 3, 1)


class Rows:
    """Writes what runs would have written."""

    def __init__(self, connection):
        self.connection = connection
        self.index = IndexRows(connection)

    def event(self, day, customer, offset):
        self.index.block((offset, offset + 1), [(day - DAY).days * 24] * 2, series=customer)

    def difference(self, customer, is_explained, off_by, as_of_ms=NOON, run_id="run"):
        self.connection.execute(
            "INSERT INTO sma.differences VALUES (%s, %s, 'm', 'hour', %s, 'changed', %s, 1, 0, 1, %s, 1)",
            (run_id, customer, instant(as_of_ms), is_explained, off_by),
        )

    def reconciled(self, day, windows=1, run_id="run", hours_later=0):
        self.connection.execute(
            "INSERT INTO sma.reconciliations VALUES (%s, %s, 'hour', %s, %s, 0, 0, 0, 0, 0, '{}', 0, %s)",
            (run_id, day, windows, windows, instant(NOON) + timedelta(hours=hours_later)),
        )

    def computed(self, customer, day, hour):
        self.connection.execute(
            "INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count) "
            "VALUES (%s, 'm', 'hour', %s, 1, 1)",
            (customer, instant(day_start_ms(day) + hour * HOUR_MS)),
        )


@pytest.fixture
def rows(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        yield Rows(connection)


def commands(own_database, most=3, **whose):
    return [
        line.removeprefix("sma explain ") for line in commands_to_trace(own_database.settings, ["run"], most, **whose)
    ]


def test_what_is_unexplained_comes_first_then_what_differs_most(own_database, rows):
    rows.difference("small", True, 1)
    rows.difference("large", True, 8)
    rows.difference("wrong", False, 1)
    rows.difference("other", False, 99, run_id="other run")
    assert commands(own_database, most=2) == ["wrong m hour 2013-01-10T12:00:00Z", "large m hour 2013-01-10T12:00:00Z"]


def test_the_newest_value_comes_before_what_is_explained(own_database, rows):
    rows.difference("old", True, 99)
    rows.difference("new", True, 1, as_of_ms=day_start_ms(YEARS_LATER) + HOUR_MS)
    rows.difference("wrong", False, 1)
    for day in (DAY, YEARS_LATER):
        rows.reconciled(day)
        rows.event(day, "acme", 6)
        for hour in (3, 9):
            rows.computed("acme", day, hour)
    assert commands(own_database, most=4) == [
        "wrong m hour 2013-01-10T12:00:00Z",
        "acme m hour 2024-03-01T09:00:00Z",
        "new m hour 2024-03-01T01:00:00Z",
        "old m hour 2013-01-10T12:00:00Z",
    ]


def test_a_day_that_this_run_did_not_reconcile_is_not_shown(own_database, rows):
    rows.reconciled(DAY)
    rows.reconciled(YEARS_LATER, run_id="other run")
    for day in (DAY, YEARS_LATER):
        rows.event(day, "acme", 6)
        rows.computed("acme", day, 3)
    assert commands(own_database) == ["acme m hour 2013-01-10T03:00:00Z"]


def test_of_the_series_of_a_day_the_one_that_was_published_last_is_shown(own_database, rows):
    rows.reconciled(DAY)
    for customer, offset in (("first", 100), ("last", 900), ("other", 500)):
        rows.event(DAY, customer, offset)
        rows.computed(customer, DAY, 3)
    assert commands(own_database) == ["last m hour 2013-01-10T03:00:00Z"]


def test_what_was_published_last_is_shown_although_other_series_have_newer_days(own_database, rows):
    for day, customer, offset in ((DAY, "sample", 900), (YEARS_LATER, "live", 100)):
        rows.reconciled(day)
        rows.event(day, customer, offset)
        rows.computed(customer, day, 3)
    assert commands(own_database) == ["sample m hour 2013-01-10T03:00:00Z"]


def test_a_series_whose_events_make_rows_on_the_next_day_only_is_passed_over(own_database, rows):
    rows.reconciled(DAY)
    rows.event(DAY, "midnight", 900)
    rows.event(DAY, "noon", 100)
    rows.computed("noon", DAY, 13)
    assert commands(own_database) == ["noon m hour 2013-01-10T13:00:00Z"]


def test_a_customer_sees_commands_of_its_own_only(own_database, rows):
    rows.difference("wrong", False, 9)
    rows.difference("acme", True, 1)
    rows.reconciled(DAY)
    for customer, offset in (("acme", 100), ("wrong", 900)):
        rows.event(DAY, customer, offset)
        rows.computed(customer, DAY, 3)
    assert commands(own_database, customer="acme") == [
        "acme m hour 2013-01-10T03:00:00Z",
        "acme m hour 2013-01-10T12:00:00Z",
    ]


def test_the_days_of_the_newest_runs_are_counted_the_newest_first(own_database, rows):
    for number in range(3):
        rows.reconciled(DAY + timedelta(days=number), run_id="old")
    rows.reconciled(DAY, run_id="new", hours_later=1)
    assert list(read_days_of_runs(own_database.settings, 20).items()) == [("new", 1), ("old", 3)]
    assert read_days_of_runs(own_database.settings, 1) == {"new": 1}


def test_the_days_that_a_run_has_computed_so_far_are_counted(own_database, rows):
    for number in range(2):
        for average in ("hour", "last_2"):
            rows.index.result(read_to=1, day=DAY + timedelta(days=number), average=average)
    assert count_computed_days(own_database.settings, ["run", "other"]) == 2
    assert count_computed_days(own_database.settings, ["other"]) == 0
    assert count_computed_days(own_database.settings, []) == 0


def test_the_report_before_has_the_newest_reconciliation_of_each_day(own_database, rows):
    settings = own_database.settings
    assert report_before(settings, ["hour"], None, None) is None
    rows.reconciled(DAY, windows=7, run_id="first")
    rows.reconciled(DAY, windows=9, run_id="second", hours_later=1)
    rows.reconciled(YEARS_LATER, windows=5, run_id="third")
    for run_id, records in (("first", 100), ("second", 200), ("third", 150)):
        rows.connection.execute(
            "INSERT INTO sma.accounting VALUES (%s, 0, 0, %s, %s, %s, 0, 0, 0)", (run_id, *[records] * 3)
        )
    report, run_ids = report_before(settings, ["hour"], None, None)
    assert (report.windows_compared, report.equal, report.records, report.unaccounted) == (14, 14, 200, 0)
    assert set(run_ids) == {"second", "third"}
    one_day, _ = report_before(settings, ["hour"], YEARS_LATER, YEARS_LATER)
    assert (one_day.windows_compared, one_day.records) == (5, 150)
    assert report_before(settings, ["taken_out"], None, None) is None
