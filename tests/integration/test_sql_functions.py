"""The functions of sql/functions against the same rules in Python, and against the cases of tests/vectors."""

import json
import re
from datetime import timedelta
from fractions import Fraction

import psycopg
import pytest

from sma.days import day_of, day_start_ms
from sma.durations import DAY_MS
from sma.instants import instant, milliseconds
from sma.limits import EARLIEST_EVENT_TIME_MS, LATEST_EVENT_TIME_MS
from sma.settings import CHECKOUT
from sma.value import MICROS_PER_UNIT

CASES = json.loads((CHECKOUT / "tests" / "vectors" / "windows.json").read_text(encoding="utf-8"))
TIMES_MS = [
    time_ms
    for around in (EARLIEST_EVENT_TIME_MS, -DAY_MS, 0, DAY_MS, 15 * DAY_MS, LATEST_EVENT_TIME_MS - 2)
    for time_ms in (around - 1, around, around + 1)
    if time_ms >= EARLIEST_EVENT_TIME_MS
]


@pytest.fixture
def connection(own_database):
    url = own_database.settings.batch_database_url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_the_grid_has_a_point_for_each_row_of_a_case_and_no_other(connection):
    for case in CASES:
        every_ms = case["window"]["every_ms"]
        grid = every_ms, case["window"].get("offset_ms", 0)
        window_ms = case["window"].get("duration_ms", every_ms)
        points = {
            (series, as_of_ms)
            for series, time_ms, _ in case["events"]
            for (as_of_ms,) in connection.execute(
                "SELECT generate_series(sma.grid_point_after(%s, %s, %s), sma.last_grid_point(%s, %s, %s, %s), %s)",
                (time_ms, *grid, time_ms, *grid, window_ms, every_ms),
            )
        }
        assert points == {(series, as_of_ms) for series, as_of_ms, *_ in case["rows"]}, case["why"]


def test_days_and_instants_are_those_of_python(connection):
    for time_ms in TIMES_MS:
        day = day_of(time_ms)
        found = connection.execute(
            "SELECT sma.day_of_ms(%s), sma.day_of(%s), sma.day_start_ms(%s), sma.epoch_ms(%s)",
            (time_ms, instant(time_ms), day, instant(time_ms)),
        ).fetchone()
        assert found == (day, day, day_start_ms(day), time_ms)


def test_a_day_is_utc_whatever_the_session_s_zone(connection):
    connection.execute("SET TIME ZONE 'Pacific/Auckland'")
    midnight = instant(15 * DAY_MS)
    before = midnight - timedelta(milliseconds=1)
    days = connection.execute("SELECT sma.day_of(%s), sma.day_of(%s)", (midnight, before)).fetchone()
    assert days == (day_of(milliseconds(midnight)), day_of(milliseconds(before)))


@pytest.mark.parametrize("value_sum", ["0.000001", "-0.000001", "99999999999999999999999999999999.999999", "-12.5"])
def test_a_sum_in_micro_units_loses_no_digit(connection, value_sum):
    (micros,) = connection.execute("SELECT sma.micros(%s::numeric(38, 6))", (value_sum,)).fetchone()
    assert micros == Fraction(value_sum) * MICROS_PER_UNIT


def test_the_planner_puts_the_expressions_in_the_place_of_the_calls(connection):
    plan = connection.execute(
        """
        EXPLAIN (VERBOSE, COSTS OFF)
        SELECT
            sma.day_of_ms(sma.last_grid_point(min_event_time_ms, 60000, 0, 3600000)),
            sma.day_of_ms(sma.grid_point_after(max_event_time_ms, 60000, 0))
        FROM sma.offset_blocks
        """
    ).fetchall()
    calls = [line for (line,) in plan if "_of_ms(" in line or "grid_point" in line or "floor_div" in line]
    assert calls == []


def test_the_planner_does_so_with_days_of_rows_and_their_values(connection):
    plan = connection.execute(
        """
        EXPLAIN (VERBOSE, COSTS OFF)
        SELECT
            sma.day_of(as_of),
            sma.epoch_ms(as_of),
            sma.micros(value_sum)
        FROM sma.batch_averages
        """
    ).fetchall()
    assert [line for (line,) in plan if re.search(r"sma\.\w+\(", line)] == []
