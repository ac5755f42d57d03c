"""Events that are centuries apart in one log: the days that own rows are computed, and none in between."""

from datetime import date, timedelta

import psycopg
import pytest

from batch.schedule.required_offsets import required_offsets
from batch.schedule.stale_days import stale_days
from batch.store.read_only import read_only_session
from orchestration.partitions import ranges_of
from orchestration.resources import Project
from sma.days import day_of, day_start_ms
from tests.support.month_of_events import AVERAGES, as_record, close, compute, expected_of
from tests.support.publishing import publish
from tests.support.stored import stored
from tests.support.touched_days import days_touched

NOON_MS = 12 * 3_600_000
TODAY = date(2013, 1, 20)
LONG_AGO = [date.min, date(1899, 12, 31), date(1969, 12, 31), date(1970, 1, 1)]
BUSY = [("busy", "m", day_start_ms(TODAY) + hour * 3_600_000, f"{hour}.5") for hour in range(48)]
# of series of their own, so that they are not late; the last is late for a series of today
OLD = [(f"old{number}", "m", day_start_ms(day) + NOON_MS, "1") for number, day in enumerate(LONG_AGO)]
LATE_DAY = date(1985, 5, 5)
LATE = ("busy", "m", day_start_ms(LATE_DAY) + NOON_MS, "9")
EVENTS = [*BUSY[:20], *OLD, *BUSY[20:], LATE]


@pytest.fixture
def log(place):
    publish(place.settings, [as_record(event, partition=1) for event in EVENTS])
    close(place)
    return place


def own_days():
    return {day_of(as_of_ms) for rows in expected_of(EVENTS).values() for _, _, as_of_ms in rows}


def test_the_days_of_the_log_are_those_of_its_events_and_none_in_between(log):
    touched = days_touched(log.settings, AVERAGES, lambda _: None)
    assert touched == sorted(own_days())
    assert [first for first, _ in ranges_of(touched)] == [*LONG_AGO[:3], LATE_DAY, TODAY]


def test_the_days_that_are_stale_are_those_and_each_requires_its_offsets(log):
    touched = days_touched(log.settings, AVERAGES, lambda _: None)
    of_late_alone = {day for day in own_days() if LATE_DAY <= day < TODAY}  # the index has its events
    with read_only_session(log.settings) as connection:
        found = [each.day for each in stale_days(connection, AVERAGES)]
        assert found == touched
        assert required_offsets(connection, AVERAGES, found).keys() == own_days() - of_late_alone


def test_all_of_them_are_computed_and_are_the_oracles(log):
    touched = days_touched(log.settings, AVERAGES, lambda _: None)
    compute(log, touched)
    assert stored(log, "batch_averages") == expected_of(EVENTS)
    assert computed_days(log) == set(touched)


def test_a_run_over_years_computes_the_days_with_rows_and_says_how_many_it_leaves_out(log):
    project = type("Configured", (Project,), {"settings": log.settings, "averages": AVERAGES})()
    first, last = date(1969, 12, 1), date(2013, 1, 31)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    said = []
    project.compute(days, "run", said.append, "run")
    assert computed_days(log) == own_days().intersection(days)
    assert any("days own no row, and none is stored of them: left out" in line for line in said)


def computed_days(place):
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        return {day for (day,) in connection.execute("SELECT DISTINCT day FROM sma.batch_days")}
