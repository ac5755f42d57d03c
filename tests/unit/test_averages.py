"""averages.yaml: what it may say, and what an error tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sma.averages import Average, load_averages, parse_averages
from sma.durations import format_duration, parse_duration
from sma.errors import SmaError
from sma.settings import CHECKOUT
from sma.window import CountWindow, DurationWindow

GOOD = """
watermark_delay: 2 seconds
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""


def test_the_file_at_the_top_of_the_checkout_is_valid():
    assert [average.name for average in load_averages(CHECKOUT / "averages.yaml").averages] == [
        "hour",
        "day",
        "last_50",
    ]


def test_durations_become_milliseconds():
    averages = parse_averages(GOOD, "averages.yaml")
    assert averages.watermark_delay_ms == 2_000
    assert averages.max_ahead_ms == 3_600_000
    assert averages.averages == (Average("hour", DurationWindow(3_600_000), every_ms=900_000),)


@pytest.mark.parametrize(
    ("offset", "offset_ms", "words"),
    [
        ("5 minutes", 300_000, "15 minutes, offset 5 minutes"),
        ("20 minutes", 300_000, "15 minutes, offset 5 minutes"),  # the same grid
        ("1 hour", 0, "15 minutes"),
    ],
)
def test_an_offset_moves_the_grid(offset, offset_ms, words):
    (average,) = parse_averages(GOOD.replace("15 minutes", f"15 minutes, offset: {offset}"), "averages.yaml").averages
    assert (average.offset_ms, average.every_in_words) == (offset_ms, words)


def test_a_window_may_be_a_number_of_events():
    averages = parse_averages(GOOD.replace("1 hour", "20 events"), "averages.yaml")
    assert averages.averages == (Average("hour", CountWindow(20), every_ms=900_000),)


def test_how_many_rows_an_event_may_make_can_be_raised():
    fine = GOOD.replace("15 minutes", "100 milliseconds")
    assert parse_averages(fine.replace("averages:", "max_rows_per_event: 36000\naverages:"), "averages.yaml")
    count = GOOD.replace("1 hour", "20 events").replace("15 minutes", "1 millisecond")
    assert parse_averages(count, "averages.yaml").averages[0].rows_per_event == 1


def test_allowed_lateness_is_the_watermark_delay_unless_given():
    assert parse_averages(GOOD, "averages.yaml").allowed_lateness_ms == 2_000
    given_too = GOOD.replace("averages:", "allowed_lateness: 10 minutes\naverages:")
    assert parse_averages(given_too, "averages.yaml").allowed_lateness_ms == 600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("newest", 60_000)),
        ("heartbeats: off\n", ("off", 60_000)),  # which YAML reads as false
        ("heartbeats: 'off'\n", ("off", 60_000)),
        ("heartbeats: clock\nidle_after: 5 minutes\n", ("clock", 300_000)),
    ],
)
def test_heartbeats_are_of_the_newest_log_time_after_a_minute_unless_given(text, expected):
    averages = parse_averages(GOOD.replace("averages:", f"{text}averages:"), "averages.yaml")
    assert (averages.heartbeats, averages.idle_after_ms) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1 hour", "1 huor", "averages.yaml: averages[0].window: '1 huor' is neither a duration nor 'N events'"),
        ("1 hour", "0 events", "averages.yaml: averages[0].window: '0 events' is neither a duration nor 'N events'"),
        ("1 hour", "1.5 hours", "averages[0].window: '1.5 hours' is neither"),
        ("1 hour", "0 hours", "averages[0].window: '0 hours' is neither"),
        ("1 hour", "50 minutes", "averages[0].window: '50 minutes' is not a whole multiple of every ('15 minutes')"),
        ("15 minutes", "often", "averages[0].every: 'often' is not a duration"),
        ("15 minutes", "15 minutes, offset: 4", "averages[0].offset: '4' is not a duration"),
        ("name: hour", "name: 1h", "averages[0].name: '1h' is not a name"),
        ("name: hour", "nme: hour", "averages[0]: unknown key 'nme'"),
        ("name: hour, ", "", "averages[0]: the key 'name' is missing"),
        ("watermark_delay: 2 seconds", "", "the file: the key 'watermark_delay' is missing"),
        ("watermark_delay: 2 seconds", "watermark_delay: 2", "watermark_delay: '2' is not a duration"),
        ("averages:", "allowed_lateness: late\naverages:", "allowed_lateness: 'late' is not a duration"),
        ("  - {", "  - {name: hour, window: 1 day, every: 1 day}\n  - {", "averages[1].name: 'hour' is taken"),
        ("  - {", "  - 7\n  - {", "averages[0]: must be a mapping"),
        ("  - {name", "  - }{name", "averages.yaml: line 4: not YAML"),
        (
            "averages:",
            "watermark_delay: 1 minute\naverages:",
            "averages.yaml: line 3: the key 'watermark_delay' is there already, in line 2: remove one of them",
        ),
        ("every: 15", "every: 1 hour, every: 15", "averages.yaml: line 4: the key 'every' is there already, in line 4"),
        (
            "15 minutes",
            "1 millisecond",
            "averages.yaml: line 4: averages[0].every: one event would make 3,600,000 rows of 'hour', window / every, "
            "and 20,000 are allowed: a longer every, a shorter window, or max_rows_per_event: 3600000 at the top",
        ),
        ("averages:", "max_rows_per_event: 3\naverages:", "line 5: averages[0].every: one event would make 4 rows"),
        ("averages:", "max_rows_per_event: many\naverages:", "max_rows_per_event: 'many' is not a whole number"),
        ("averages:", "heartbeats: maybe\naverages:", "heartbeats: 'maybe' is none of newest, clock, off"),
        ("averages:", "heartbeats: yes\naverages:", "heartbeats: True is none of newest, clock, off"),
        ("averages:", "idle_after: soon\naverages:", "idle_after: 'soon' is not a duration"),
        ("averages:", "idle_after: 20 milliseconds\naverages:", "idle_after: '20 milliseconds' is too short"),
    ],
)
def test_an_error_names_the_file_the_key_and_the_fix(old, new, message):
    with pytest.raises(SmaError) as error:
        parse_averages(GOOD.replace(old, new, 1), "averages.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "averages: []\nwatermark_delay: 1 hour", "averages: x\nwatermark_delay: 1 hour"]
)
def test_a_file_without_averages_is_refused(text):
    with pytest.raises(SmaError, match=r"^averages.yaml: "):
        parse_averages(text, "averages.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SmaError, match=r"nowhere.yaml: No such file"):
        load_averages(tmp_path / "nowhere.yaml")


def test_event_on_a_grid_point_belongs_to_the_next_window():
    #   [05 ---------- 15)
    #          [10 ---------- 20)
    assert list(Average("a", DurationWindow(10), every_ms=5).as_ofs_made_by(10)) == [15, 20]


def test_an_event_makes_one_row_of_a_count_window():
    assert list(Average("a", CountWindow(3), every_ms=5).as_ofs_made_by(10)) == [15]


@given(st.integers(-1000, 1000), st.integers(1, 50), st.integers(1, 6))
def test_grid_points_of_an_event_are_those_whose_window_holds_it(event_time_ms, every_ms, ratio):
    average = Average("a", DurationWindow(every_ms * ratio), every_ms=every_ms)
    grid = [point * every_ms for point in range(-2000 // every_ms, 2000 // every_ms)]
    holding = [as_of for as_of in grid if as_of - every_ms * ratio <= event_time_ms < as_of]
    assert list(average.as_ofs_made_by(event_time_ms)) == holding


@given(st.integers(1, 10**12))
def test_a_formatted_duration_reads_back(duration_ms):
    assert parse_duration(format_duration(duration_ms)) == duration_ms
