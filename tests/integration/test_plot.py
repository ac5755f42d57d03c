"""`sma plot` on a database with rows: which windows it reads, how they are marked, and what it says."""

import json
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner

from batch.report import series_windows
from batch.report.series_windows import (
    EXPLAINED,
    NOT_RECONCILED,
    UNEXPLAINED,
    find_average,
    newest_as_of_ms,
    read_windows,
    reader_session,
)
from cli.main import sma
from sma.errors import SmaError
from sma.instants import milliseconds
from sma.settings import load_settings
from tests.support.told_layers import MINUTE, NOON, Layers

NOON_MS = milliseconds(NOON)


@pytest.fixture
def layers(own_database):
    return Layers(own_database)


def read(place, customer="AA", average="hour", from_ms=NOON_MS, until_ms=NOON_MS + 3_600_000):
    with reader_session(place.settings, 20) as connection:
        known = find_average(connection, customer, "delay", average)
        return read_windows(connection, customer, "delay", known, from_ms, until_ms).windows


def test_a_window_has_the_exact_average_of_each_layer_and_one_without_an_event_is_not_there(own_database, layers):
    layers.rows("streaming", [(7, 3), None, 5, 6])
    layers.rows("batch", [(7, 3), None, None, 6])
    assert read(own_database).select("as_of_ms", "stream", "batch").rows() == [
        (NOON_MS, Decimal("2.333333333"), Decimal("2.333333333")),
        (NOON_MS + 120_000, Decimal(5), None),
        (NOON_MS + 180_000, Decimal(6), Decimal(6)),
    ]


def test_a_window_is_marked_as_the_newest_reconciliation_of_its_day_found_it(own_database, layers):
    layers.rows("streaming", [1, 1, 1, 1])
    layers.rows("batch", [2, 2, 1, 1])
    layers.computed(NOON + MINUTE * 30)
    layers.reconciled([(0, True), (1, True), (2, True)], run="older")
    layers.reconciled([(0, True), (1, False)])
    found = read(own_database)
    assert found["difference"].to_list() == [EXPLAINED, UNEXPLAINED, None, None]
    assert found["late_events"].to_list() == [2, 2, 0, 0]
    assert found["is_final"].to_list() == [True] * 4


def test_a_window_computed_but_not_reconciled_is_compared_and_an_open_one_is_not(own_database, layers):
    layers.rows("streaming", [1, 1, 1])
    layers.rows("batch", [1, 2])
    layers.computed(NOON + MINUTE)
    found = read(own_database)
    assert found["difference"].to_list() == [None, NOT_RECONCILED, None]
    assert found["is_final"].to_list() == [False] * 3


def test_a_day_computed_again_after_its_reconciliation_is_not_final(own_database, layers):
    layers.computed(NOON + MINUTE)
    layers.reconciled()
    layers.rows("batch", [1])
    assert read(own_database)["is_final"].to_list() == [False]


def test_only_the_series_and_the_average_asked_for_is_read(own_database, layers):
    layers.rows("streaming", [1])
    layers.rows("streaming", [2], average="last_3")
    Layers(own_database, "BB").rows("streaming", [3, 3])
    assert read(own_database)["stream"].to_list() == [1]


def test_more_windows_than_fit_into_memory_are_refused_with_the_way_out(own_database, layers, monkeypatch):
    monkeypatch.setattr(series_windows, "MOST_WINDOWS", 2)
    layers.rows("streaming", [1, 1, 1])
    with pytest.raises(SmaError, match="has more than 2 windows .* choose a shorter time"):
        read(own_database)


def test_a_row_ahead_of_the_clock_is_not_the_newest(own_database, layers):
    layers.rows("streaming", [1, 1])
    layers.rows("streaming", [1], start=NOON.replace(year=2190))
    with reader_session(own_database.settings, 20) as connection:
        assert newest_as_of_ms(connection, "AA", "delay", "hour") == NOON_MS + 60_000
        assert newest_as_of_ms(connection, "BB", "delay", "hour") is None


@pytest.fixture
def plot(own_database, layers, monkeypatch, tmp_path):
    """Runs `sma plot` in a folder of the test's own."""
    for name, value in own_database.environ.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    monkeypatch.chdir(tmp_path)
    yield lambda *arguments: CliRunner().invoke(sma, ["plot", *arguments])
    load_settings.cache_clear()


def test_it_says_what_it_drew_and_where_the_file_is(layers, plot, tmp_path):
    layers.rows("streaming", [1, 1, 1])
    layers.rows("batch", [1, 2, 3])
    layers.computed(NOON + MINUTE * 30)
    layers.reconciled([(1, True), (2, False)])
    ran = plot("AA", "delay", "hour")
    assert ran.exit_code == 0, ran.exception
    assert ran.output == (
        "AA/delay, average 'hour': 3 windows from 2013-01-10T12:00:00Z to 2013-01-10T12:02:00Z; "
        f"differing: 1 explained, 1 unexplained\n{tmp_path}/AA-delay-hour.png\n"
    )
    assert (tmp_path / "AA-delay-hour.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_is_shown_where_that_is_asked(layers, plot, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(click, "launch", shown.append)
    layers.rows("streaming", [1])
    plot("AA", "delay", "hour", "--open")
    assert shown == [str(tmp_path / "AA-delay-hour.png")]


def test_without_a_time_it_draws_the_newest_week_and_with_one_what_lies_between(layers, plot, tmp_path):
    layers.rows("streaming", [1] * 3, start=NOON - MINUTE * (8 * 24 * 60))
    layers.rows("streaming", [1] * 5)
    assert json.loads(plot("AA", "delay", "hour", "--json").output)["windows"] == 5
    chosen = plot(
        *("AA", "delay", "hour", "--start", "2013-01-10T12:01", "--end", "2013-01-10T12:03"),
        *("--output", "two.svg", "--json"),
    )
    assert json.loads(chosen.output) == {
        "file": str(tmp_path / "two.svg"),
        "first_as_of": "2013-01-10T12:01:00Z",
        "last_as_of": "2013-01-10T12:02:00Z",
        "windows": 2,
        "differences": {},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AA", "delay", "huor"), "there is no average 'huor': there are 'hour' and 1 more"),
        (("AB", "delay", "hour"), "there is no event of the customer 'AB': there are 'AA'"),
        (("AA", "delays", "hour"), "no event of 'AA' has the metric 'delays': its metrics are 'delay'"),
        (("AA", "delay", "last_3"), "AA/delay has no row of the average 'last_3' yet"),
        (("AA", "delay", "hour", "--end", "2012-01-01"), "has no window of 'hour' from 2011-12-25T00:00:00Z"),
        (("AA", "delay", "hour", "--start", "2014-01-01"), "2014-01-01T00:00:00Z is not before"),
        (("AA", "delay", "hour", "--start", "yesterday"), "'yesterday' is no time"),
        (("AA", "delay", "hour", "--output", "picture.gif"), "end its name in .png, .svg or .pdf"),
        (("AA", "delay", "hour", "--output", "nowhere/picture.png"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_with_the_way_out(own_database, layers, plot, tmp_path, arguments, message):
    layers.rows("streaming", [1])
    layers.execute("INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 0)", ())
    ran = plot(*arguments)
    assert isinstance(ran.exception, SmaError)
    assert message in str(ran.exception)
    assert "\n" not in str(ran.exception)
    assert list(tmp_path.iterdir()) == []
