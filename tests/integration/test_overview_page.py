"""The overview page of a database with rows: what it reads, and what a browser makes of it."""

import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version

import pytest
import requests

from batch.report.series_windows import reader_session
from deploy.local.ports import free_port_base
from deploy.local.services.health import check_overview
from overview.tables import Records, State, count_records, read_calendars, read_newest_row
from overview.whole import Choice, Sources
from sma.settings import CHECKOUT
from tests.support.places import settings_of
from tests.support.served_page import Browser, served
from tests.support.told_layers import MINUTE, NOON, Layers

DAY = timedelta(days=1)
HOSTILE = "<b>x</b> & $y"


@pytest.fixture
def layers(own_database):
    return Layers(own_database)


@pytest.fixture
def read(own_database):
    """Reads as the page does, once the test has written its rows."""

    def ask(what, *arguments):
        with reader_session(own_database.settings, 20) as connection:
            return what(connection, *arguments)

    return ask


def test_the_newest_row_is_none_ahead_of_the_clock(layers, own_database, read):
    layers.rows("streaming", [1], start=NOON)
    Layers(own_database, "BB").rows("streaming", [1], start=NOON + MINUTE)
    Layers(own_database, "CC").rows("streaming", [1], start=NOON.replace(year=2190))
    assert read(read_newest_row) == NOON + MINUTE


def test_each_day_of_each_average_has_its_state(layers, read):
    today = NOON.date()
    layers.rows("streaming", [1])
    layers.computed(NOON)
    layers.reconciled([(0, True), (1, False)])
    for back, found in ((1, [(0, True)]), (2, [])):
        layers.computed(NOON, day=today - DAY * back)
        layers.reconciled(found, day=today - DAY * back, run=f"run-{back}")
    layers.reconciled([], day=today - DAY * 3, run="earlier")
    layers.computed(NOON, day=today - DAY * 3)
    by_name = {calendar.average: calendar for calendar in read(read_calendars, 5)}
    states = {
        name: {day.day: day.state for days in calendar.weekdays for day in days if day}
        for name, calendar in by_name.items()
    }
    assert states["hour"] == {
        today: State.UNEXPLAINED,
        today - DAY: State.EXPLAINED,
        today - DAY * 2: State.CLEAN,
        today - DAY * 3: State.COMPUTED,
        today - DAY * 4: State.NO_ROWS,
    }
    assert states["last_3"] == dict.fromkeys(states["hour"], State.NO_ROWS) | {today: State.STREAMED}


def test_records_are_counted_as_they_are_indexed(layers, read):
    layers.execute(
        "INSERT INTO sma.indexed_partitions (kafka_partition, next_offset, allowed_lateness_ms, max_ahead_ms, "
        "event_count, late_event_count, rejected_event_count, heartbeat_count) VALUES (%s, 20, 0, 0, 10, 3, 2, 5)",
        (0,),
        (1,),
    )
    assert read(count_records) == Records(20, 6, 4, 10)


def test_a_chosen_day_is_drawn_alone(own_database, layers):
    layers.rows("streaming", [1, 2])
    layers.rows("streaming", [3], start=NOON - DAY)
    sources = Sources(own_database.settings)
    (chart,) = sources.charts(Choice("AA", "delay", "hour", (NOON - DAY).date()))
    assert chart.series.windows["stream"].to_list() == [3]
    (empty,) = sources.charts(Choice("AA", "delay", "hour", (NOON - 2 * DAY).date()))
    assert empty.series == "no row on 2013-01-08"


def test_a_series_that_is_not_there_is_named_with_similar_ones(own_database, layers):
    layers.rows("streaming", [1])
    layers.execute("INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 0)", ())
    (chart,) = Sources(own_database.settings).charts(Choice("AB", "delay"))
    assert chart.series == "there is no event of the customer 'AB': there are 'AA'"


def test_nobody_who_looks_twice_within_seconds_asks_the_database_twice(own_database, layers):
    layers.rows("streaming", [1])
    kept, fresh = Sources(own_database.settings, 600), Sources(own_database.settings, 0)
    before = [each.charts(Choice())[0].series.windows.height for each in (kept, fresh)]
    layers.rows("streaming", [2], start=NOON + MINUTE)
    assert before == [1, 1]
    assert [each.charts(Choice())[0].series.windows.height for each in (kept, fresh)] == [1, 2]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    return Browser(tmp_path_factory.mktemp("chromium"))


@pytest.fixture
def page(own_database, layers):
    """The address of a page with two series; the first has a gap, an explained and an unexplained difference."""
    averages = [Decimal(minute % 9) for minute in range(60)]
    layers.rows("streaming", [None if 20 < minute < 30 else each for minute, each in enumerate(averages)])
    layers.rows(
        "batch", [None if 20 < minute < 30 else each + (minute in (5, 7)) for minute, each in enumerate(averages)]
    )
    layers.computed(NOON + MINUTE * 59)
    layers.reconciled([(5, True), (7, False)])
    Layers(own_database, HOSTILE).rows("streaming", [1, 2, 3])
    with served(own_database.settings) as url:
        yield url


CHOSEN = "/?customer=AA&metric=delay&average=hour"


def test_a_browser_draws_the_lines_with_their_gap_and_the_marks(browser, page):
    dom, _ = browser.dom(page + CHOSEN)
    assert dom.count('class="main-svg"') > 1
    traces_drawn = re.findall(r'<g class="lines">(.*?)</g>', dom)
    assert [layer.count('class="js-line"') for layer in traces_drawn] == [2, 2, 0, 0]  # before and after the gap; marks
    assert "differs, explained by late events: 1" in dom
    assert "differs, UNEXPLAINED: 1" in dom
    assert len(re.findall(r'<path class="point"', dom)) == 2


def test_the_page_refreshes_itself_and_its_policy_stops_nothing_that_it_needs(browser, page):
    dom, complaints = browser.dom(page, seconds=14)
    assert int(re.findall(r'data-refreshed="(\d+)"', dom)[0]) >= 2
    assert re.search(r'<p id="lost"[^>]* hidden', dom)
    # the style sheet of plotly.js's maps, of which the page has none
    assert [line for line in complaints if "Applying inline style" not in line] == []
    assert len(complaints) <= 1


def test_a_browser_takes_no_name_for_markup(browser, page):
    dom, _ = browser.dom(page)
    assert "&lt;b&gt;x&lt;/b&gt; &amp; $y/delay" in dom
    assert "<b>x</b>" not in dom


def test_the_page_without_javascript_has_the_same_rows(page):
    shown = requests.get(page + CHOSEN, timeout=60).text
    assert "sma explain AA delay hour 2013-01-10T12:07:00Z" in shown
    assert requests.get(f"{page}/picture.png{CHOSEN[1:]}", timeout=60).content.startswith(b"\x89PNG")
    assert 'aria-label="2013-01-10: reconciled, UNEXPLAINED differences (1 explained, 1 unexplained)"' in shown


def test_the_page_is_there_while_the_database_is_down(own_database, layers):
    nowhere = "postgresql://sma_reader:secret@127.0.0.1:1/sma"
    with served(settings_of(own_database.environ | {"SMA_DATABASE_URL": nowhere})) as url:
        response = requests.get(url, timeout=60)
    assert response.status_code == 200
    assert "the database does not answer at 127.0.0.1:1/sma" in response.text
    assert "secret" not in response.text


def test_the_program_of_the_stack_serves_the_page_and_ends_when_told(own_database, layers):
    layers.rows("streaming", [1])
    port = free_port_base()
    command = [sys.executable, "-m", "overview", "--port", str(port)]
    with subprocess.Popen(command, cwd=CHECKOUT, env=own_database.environ, stderr=subprocess.DEVNULL) as program:
        try:
            url = f"http://127.0.0.1:{port}"
            settings = own_database.settings.model_copy(update={"overview_url": url})
            deadline = time.monotonic() + 60
            while not (health := check_overview(settings)).is_up:
                assert program.poll() is None and time.monotonic() < deadline, health.reason
                time.sleep(0.1)
            assert health.version == version("sma")
            assert "AA/delay" in requests.get(url, timeout=60).text
        finally:
            program.terminate()
        # it shuts down, and then ends by the signal, unless the test run itself ignores it
        assert program.wait(30) in (0, -signal.SIGTERM)


def test_the_page_reads_as_a_role_that_can_change_nothing(own_database, layers):
    with reader_session(own_database.settings, 20) as connection:
        assert connection.execute("SELECT current_user, current_setting('transaction_read_only')").fetchall() == [
            ("sma_reader", "on")
        ]


def test_without_a_row_there_is_no_calendar(layers, read):
    assert read(read_calendars) == []
