"""What `sma produce` says before it publishes: how many events, how they are ordered, and what may be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from produce.summary import close_in_words, in_words, summarize
from sma.averages import Averages, parse_averages
from sma.durations import HOUR_MS
from tests.support.csv_events import layout, read, sent

AVERAGES = parse_averages(
    """
watermark_delay: 5 minutes
allowed_lateness: 1 hour
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
""",
    "averages.yaml",
)
NOW_MS = 1_750_000_000_000
NEWEST_FIRST = "timestamp,value\n" + "".join(
    f"2024-06-03T{14 - minute // 60 - (minute % 60 > 0):02}:{-minute % 60:02}:00Z,1\n" for minute in range(240)
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def summarized(path, text, *, sort=False, **options):
    with read(path, text, **options) as events:
        if sort:
            events.sort()
        summary = summarize(events, AVERAGES, NOW_MS)
        return summary, in_words(summary, AVERAGES, layout(**options))


def test_a_file_in_order_is_one_line(path):
    summary, lines = summarized(path, "timestamp,value\n2024-06-03,1\n2024-06-04,2\n")
    assert lines == ["2 events from 2024-06-03T00:00:00Z to 2024-06-04T00:00:00Z; within a series they never go back"]
    assert (summary.events, summary.late, summary.back_ms) == (2, 0, 0)


def test_newest_first_makes_most_events_late_and_sort_none(path):
    summary, lines = summarized(path, NEWEST_FIRST)
    assert summary.late == 179  # the first 61 are within the hour of allowed_lateness
    assert "they go back by 3:59:00 at most" in lines[0]
    assert lines[1].startswith(
        "179 of them will be late, more than allowed_lateness (1 hour) behind their series: --sort"
    )
    summary, lines = summarized(path, NEWEST_FIRST, sort=True)
    assert (summary.late, summary.back_ms, summary.is_sorted, len(lines)) == (0, 0, True, 1)


def test_sorting_keeps_the_order_of_equal_times(path):
    text = "timestamp,value\n2024-06-04,1\n2024-06-03,2\n2024-06-04,3\n2024-06-03,4\n"
    with read(path, text) as events:
        events.sort()
        assert [record.fields["value"] for record in sent(events)] == ["2", "4", "1", "3"]


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3 * HOUR_MS, 3 * HOUR_MS)), min_size=1, max_size=40)


@given(rows=ROWS, block_bytes=st.sampled_from([20, 60, 1 << 20]))
def test_late_events_are_those_of_the_rule(tmp_path_factory, rows, block_bytes):
    newest: dict[str, int] = {}
    late = back_ms = 0
    for who, time_ms in rows:
        late += time_ms < newest.get(who, time_ms) - AVERAGES.allowed_lateness_ms
        back_ms = max(back_ms, newest.get(who, time_ms) - time_ms)
        newest[who] = max(newest.get(who, time_ms), time_ms)
    text = "timestamp,value,who\n" + "".join(f"{time_ms},1,{who}\n" for who, time_ms in rows)
    options = {"customer": None, "customer_column": "who", "time_format": "epoch_ms"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("produce.lines.BLOCK_BYTES", block_bytes)
        summary, _ = summarized(tmp_path_factory.getbasetemp() / "rows.csv", text, **options)
    assert (summary.events, summary.late, summary.back_ms) == (len(rows), late, back_ms)


def test_rounded_values_are_one_line(path):
    summary, lines = summarized(path, "timestamp,value\n2024-06-03,1.23456789\n2024-06-04,2\n")
    assert summary.rounded == 1
    assert lines[1] == "values that lose digits when they are rounded to 6 decimals: 1"


@pytest.mark.parametrize(
    ("cell", "unit", "hint"),
    [
        ("1717408800", "epoch_ms", "try --time-format epoch_s"),
        ("1717408800000", "epoch_ns", "try --time-format epoch_ms"),
        ("1970-01-20", None, "see --time-format"),
    ],
)
def test_a_file_of_january_1970_may_have_another_unit(path, cell, unit, hint):
    _, lines = summarized(path, f"timestamp,value\n{cell},1\n", time_format=unit)
    assert lines[1] == f"all events are in January 1970: the unit of the times may be wrong: {hint}"


def test_one_event_of_january_1970_among_others_is_no_warning(path):
    _, lines = summarized(path, "timestamp,value\n1970-01-01T00:00:03Z,5\n2024-06-03T10:00:00Z,0\n")
    assert len(lines) == 1


def test_events_ahead_of_the_clock_are_said_to_be_rejected_and_make_no_other_late(path):
    summary, lines = summarized(path, "timestamp,value\n2024-06-03,1\n2062-06-03,2\n2024-06-04,3\n")
    assert (summary.ahead, summary.late) == (1, 0)
    assert lines[1] == "1 of them will be rejected, more than max_ahead (1 hour) ahead of the clock"


def test_closing_heartbeats_later_than_the_clock_are_announced():
    assert close_in_words(NOW_MS, NOW_MS) is None
    assert close_in_words(NOW_MS + 1000, NOW_MS) == (
        "the last windows close only as time passes: "
        "the heartbeat that closes them all is 2025-06-15T15:06:41Z, later than now"
    )


def test_allowed_lateness_may_be_zero(path):
    with read(path, "timestamp,value\n2024-06-04,1\n2024-06-03,2\n") as events:
        averages = Averages(0, 0, 0, AVERAGES.averages)
        lines = in_words(summarize(events, averages, NOW_MS), averages, layout())
    assert lines[1].startswith("1 of them will be late, more than allowed_lateness (0)")
