"""The overview page without services: names are text, gaps and marks are in the charts, and nothing can be changed."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime
from threading import Event
from types import SimpleNamespace

import plotly.graph_objects
import pytest
import requests

from batch.report.series_windows import EXPLAINED, UNEXPLAINED
from deploy.local.lifecycle.status import PartStatus
from monitoring.figures import Alert, Figures
from overview.app import POLICY
from overview.chart import traces
from overview.kept import Kept
from overview.page import PLOTLY_VERSION, address
from overview.tables import Day, Records, State, calendar, state_of
from overview.whole import Chart, Choice, Tables, Whole, chosen
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.drawn_windows import MINUTE, series, windows
from tests.support.served_page import served

HOSTILE = """</script><script>alert("1")</script>'&{{ 7*7 }}"""


def whole(charts=(), **changed):
    shown = {
        "parts": (PartStatus("kafka", "127.0.0.1:19000", None, False, "<i>no</i> broker", True, {}),),
        "figures": "the exporter does not answer",
        "alerts": [Alert("<b>", "critical", "<i>", "<u>")],
        "tables": Tables(
            ["hour"],
            [(chart.customer, chart.metric) for chart in charts],
            None,
            Records(1_234, 5, 6, 7),
            [calendar("hour", [Day(date(2013, 1, 10), State.EXPLAINED, 3)])] if charts else [],
            list(charts),
        ),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    } | changed
    return Whole(**shown)


@pytest.fixture
def serve():
    """Serves the page of some sources; returns how to request a path of it."""
    with ExitStack() as servers:

        def started(sources):
            url = servers.enter_context(served(Settings(), sources))
            return lambda path, method="GET", **request: requests.request(method, url + path, timeout=60, **request)

        yield started


@pytest.fixture
def client(serve):
    """Serves the page as it shows what a test made."""

    def started(shown):
        charts = [] if isinstance(shown.tables, str) else shown.tables.charts
        return serve(SimpleNamespace(whole=lambda _: shown, charts=lambda _: charts))

    return started


def chart(rows, customer="AA", metric="delay"):
    return Chart(customer, metric, "hour", series(rows, customer, metric))


def test_names_and_reasons_are_text_wherever_they_stand(client):
    shown = client(whole([chart(windows((0, 1, 2, True, EXPLAINED)), HOSTILE, HOSTILE)]))("/").text
    assert "<script>alert" not in shown
    assert "<i>" not in shown and "<b>" not in shown and "<u>" not in shown
    assert "49" not in re.findall(r"&amp;(.*?)</a>", shown)[0]
    assert "&lt;i&gt;no&lt;/i&gt; broker" in shown
    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', shown, re.DOTALL)
    assert [trace["name"] for trace in json.loads(data)][-1] == "differs, explained by late events: 1"


def test_an_address_with_any_name_leads_back_to_the_same_choice(serve):
    choice = Choice("a&b=c #/?", "株 +%", "hour", date(2013, 1, 10))
    asked = []
    sources = SimpleNamespace(whole=lambda each: asked.append(each) or whole())
    serve(sources)(address(choice))
    assert asked == [choice]


@pytest.mark.parametrize("day", ["yesterday", "2013-13-01", "", "20130110T00"])
def test_a_day_that_is_none_is_the_same_as_no_day(serve, day):
    asked = []
    sources = SimpleNamespace(whole=lambda each: asked.append(each) or whole())
    serve(sources)("/", params={"day": day})
    assert asked == [Choice()]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/picture.png", "/static/page.js"])
def test_nothing_but_reading_is_answered(client, method, path):
    assert client(whole())(path, method).status_code == 405


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/page.js", f"/plotly-{PLOTLY_VERSION}.js", "/nowhere"])
def test_every_response_forbids_what_is_from_elsewhere(client, path):
    response = client(whole())(path)
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY


def test_the_page_names_no_script_style_or_picture_of_another_host(client):
    shown = client(whole([chart(windows((0, 1, 1)))]))("/").text
    sources = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', shown)
    assert sources
    assert [source for source in sources if not source.startswith(("/", "data:,"))] == []


def test_a_name_that_resolves_to_loopback_from_elsewhere_is_refused(client):
    assert client(whole())("/", headers={"host": "attacker.example"}).status_code == 400


def figures(**changed):
    names = Figures.__slots__
    return Figures(**dict.fromkeys(names) | {"split_series_newest": (), "data_age_s": {}, "silent": ()} | changed)


def test_the_figures_have_their_units_and_what_is_unexplained_stands_out(client):
    known = figures(
        lag_events=12_345,
        lag_s=4_000.2,
        watermark_s=1_357_819_200.0,
        restarts=0,
        differences=7,
        unexplained_differences=2,
    )
    shown = client(whole(figures=known))("/").text
    assert "12,345 events, the oldest for 1 h 6 min" in shown
    assert "2013-01-10 12:00:00 UTC" in shown
    assert '7, of them <strong class="down">2 unexplained</strong>' in shown
    assert "<dt>last checkpoint</dt><dd>none yet</dd>" in shown


def test_collectors_without_an_answer_are_named(client):
    assert "kafka, flink" in client(whole(figures=figures(silent=("kafka", "flink"))))("/").text


def test_without_rows_the_page_says_how_to_get_some(client):
    assert "No rows yet. Publish events with <code>sma produce" in client(whole())("/").text


def test_where_the_database_is_down_the_page_says_so_and_shows_the_rest(client):
    response = client(whole(tables="the database does not answer: <why>"))("/")
    assert response.status_code == 200
    assert "the database does not answer: &lt;why&gt;" in response.text
    assert "kafka" in response.text
    assert client(whole(tables="down"))("/picture.png").status_code == 404


def test_a_chart_without_rows_says_why_and_the_others_are_drawn(client):
    charts = [Chart("AA", "delay", "huor", "there is no average 'huor'"), chart(windows((0, 1, 1)))]
    shown = client(whole(charts))("/").text
    assert "there is no average &#39;huor&#39;" in shown
    assert re.findall(r'class="plot" id="(plot-\d)"', shown) == ["plot-2"]


def test_without_javascript_the_windows_are_in_tables_with_exact_averages_and_a_picture(client):
    reader = client(whole([chart(windows((0, "0.333333333", None, False), (1, 1, 2, True, UNEXPLAINED)))]))
    shown = reader("/").text
    assert "<td>0.333333333</td><td>no row</td><td>no</td>" in shown
    assert "sma explain AA delay hour 1970-01-01T00:01:00Z" in shown
    assert '<noscript><img src="/picture.png?customer=AA&amp;metric=delay&amp;average=hour"' in shown
    assert reader("/picture.png?customer=AA&metric=delay&average=hour").content.startswith(b"\x89PNG")


def test_a_chart_has_a_hole_at_a_gap_exact_text_and_a_mark_of_each_difference():
    #   minute   0   1   .   3(U)
    drawn, count = traces(series(windows((0, 1, "1.5"), (1, 2, 2), (3, "0.1", 3, True, UNEXPLAINED, 4))))
    stream, batch = (next(trace for trace in drawn if trace["name"].startswith(name)) for name in ("stream", "batch"))
    assert batch["x"] == [0, MINUTE, 3 * MINUTE, 3 * MINUTE]
    assert batch["y"] == [1.5, 2.0, None, 3.0]
    assert stream["text"] == ["1.000000000", "2.000000000", "", "0.100000000"]
    assert drawn[-1]["name"] == "differs, UNEXPLAINED: 1"
    assert (drawn[-1]["x"], drawn[-1]["text"]) == ([3 * MINUTE], ["differs, unexplained; late events: 4"])
    assert count == 3
    plotly.graph_objects.Figure(drawn)  # refuses a property that plotly.js does not have


def test_what_is_not_final_is_a_lighter_line_of_its_own():
    drawn, _ = traces(series(windows((0, 1, 1), (1, 2, 2, False))))
    assert {trace["name"]: trace["opacity"] for trace in drawn if trace["mode"] == "lines"} == {
        "stream: without late events": 1,
        "stream: without late events, not final": 0.4,
        "batch: every event": 1,
        "batch: every event, not final": 0.4,
    }


@pytest.mark.parametrize(
    ("has_rows", "is_computed", "is_reconciled", "explained", "unexplained", "state"),
    [
        (False, False, False, 0, 0, State.NO_ROWS),
        (True, False, False, 0, 0, State.STREAMED),
        (True, False, True, 9, 9, State.STREAMED),
        (True, True, False, 9, 9, State.COMPUTED),
        (True, True, True, 0, 0, State.CLEAN),
        (False, True, True, 2, 0, State.EXPLAINED),
        (True, True, True, 2, 1, State.UNEXPLAINED),
    ],
)
def test_a_day_has_the_state_of_its_newest_results(has_rows, is_computed, is_reconciled, explained, unexplained, state):
    assert state_of(has_rows, is_computed, is_reconciled, explained, unexplained) is state


def test_each_state_has_a_letter_of_its_own():
    assert len({state.value for state in State}) == len(State)


def test_a_calendar_has_weeks_from_monday_and_nothing_beyond_its_days():
    #   2013-01-05 is a Saturday
    days = [Day(date(2013, 1, day), State.CLEAN) for day in (5, 6, 7, 8)]
    made = calendar("hour", days)
    assert made.weeks == (date(2012, 12, 31), date(2013, 1, 7))
    assert made.weekdays == (
        (None, days[2]),
        (None, days[3]),
        (None, None),
        (None, None),
        (None, None),
        (days[0], None),
        (days[1], None),
    )


def test_the_newest_series_are_drawn_unless_one_is_chosen():
    known = [("A", "m"), ("B", "m"), ("C", "m"), ("D", "m")]
    assert chosen(Choice(), known, ["hour", "last_3"]) == [Choice(name, "m", "hour") for name in "ABC"]
    assert chosen(Choice(average="last_3"), known, ["hour"])[0] == Choice("A", "m", "last_3")
    assert chosen(Choice("D", "m"), known, ["hour"]) == [Choice("D", "m", "hour")]
    day = date(2013, 1, 10)
    assert chosen(Choice(day=day), known, ["hour"]) == [Choice("A", "m", "hour", day)]
    assert chosen(Choice(), [], []) == []


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_answer_is_kept_for_some_seconds_and_an_error_is_not():
    clock, asked = Clock(), []

    def ask():
        asked.append(clock.now)
        if len(asked) == 1:
            raise SmaError("down")
        return len(asked)

    kept = Kept(4, clock)
    with pytest.raises(SmaError):
        kept.get("a", ask)
    assert [kept.get("a", ask), kept.get("a", ask)] == [2, 2]
    clock.now = 4
    assert kept.get("a", ask) == 3
    assert kept.get("b", ask) == 4


def test_a_question_without_an_answer_leaves_nothing_behind():
    kept = Kept(4, Clock())

    def fail():
        raise SmaError("down")

    for number in range(10):
        with pytest.raises(SmaError):
            kept.get(number, fail)
    assert not kept._asking


def test_those_who_ask_at_the_same_time_get_one_answer():
    kept, asked, begun = Kept(1_000), [], Event()

    def ask():
        begun.wait(30)
        asked.append(1)
        return len(asked)

    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(kept.get, "a", ask) for _ in range(4)]
        begun.set()
    assert [answer.result() for answer in answers] == [1] * 4


def test_no_more_answers_are_kept_than_fit():
    clock = Clock()
    kept = Kept(1_000, clock)
    for number in range(300):
        clock.now += 1
        kept.get(number, lambda: number)  # noqa: B023 - asked at once
    assert kept.get(299, lambda: "asked again") == 299
    assert kept.get(0, lambda: "asked again") == "asked again"
