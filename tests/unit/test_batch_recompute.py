"""The batch layer's arithmetic against brute force, to the last digit."""

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from sma.averages import Average
from sma.window import CountWindow, DurationWindow
from tests.support.memory_log import recompute

LARGEST_MICROS = 10**18

events_lists = st.lists(
    st.tuples(
        st.sampled_from(["AA", "B6", 'q"uote, and \\']),
        st.sampled_from(["delay", "temperature"]),
        st.integers(-60, 60),
        st.one_of(st.integers(-5, 5), st.integers(-LARGEST_MICROS, LARGEST_MICROS)),
    ),
    max_size=40,
)
durations = st.builds(
    lambda every_ms, windows, offset: Average(
        "moving", DurationWindow(every_ms * windows), every_ms, offset % every_ms
    ),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(0, 11),
)
counts = st.builds(
    lambda every_ms, event_count, offset_ms: Average(
        "moving", CountWindow(event_count), every_ms, offset_ms % every_ms
    ),
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(0, 39),
)
averages = st.one_of(durations, counts)
TEN = Average("ten", DurationWindow(10), 10)
LAST_2 = Average("last_2", CountWindow(2), 10)


def frame(events: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    schema = {"customer": pl.String, "metric": pl.String, "event_time_ms": pl.Int64, "value_micros": pl.Int64}
    return pl.DataFrame(events, schema, orient="row")


def brute_force(events, average: Average, from_ms: int, until_ms: int) -> list[tuple]:
    rows = []
    for customer, metric in sorted({event[:2] for event in events}):
        for as_of_ms in (
            time for time in range(from_ms, until_ms) if (time - average.offset_ms) % average.every_ms == 0
        ):
            before = [
                (time, value) for *series, time, value in events if series == [customer, metric] and time < as_of_ms
            ]
            before.sort(key=lambda event: event[0])
            if isinstance(average.window, DurationWindow):
                inside = [value for time, value in before if time >= as_of_ms - average.window.duration_ms]
            elif before and before[-1][0] >= as_of_ms - average.every_ms:
                inside = [value for _, value in before][-average.window.event_count :]
            else:
                inside = []
            if inside:
                rows.append((customer, metric, average.name, as_of_ms, sum(inside), len(inside)))
    return rows


@given(events_lists, averages, st.integers(-200, 200), st.integers(0, 300))
def test_every_window_equals_brute_force(events, average, from_ms, length_ms):
    computed = recompute(frame(events), [average], from_ms, from_ms + length_ms)
    assert computed.rows() == brute_force(events, average, from_ms, from_ms + length_ms)
    assert dict(computed.schema) == AVERAGES_SCHEMA


@given(events_lists, averages, st.integers(-80, 80))
def test_days_put_together_are_the_whole(events, average, cut_ms):
    parts = [recompute(frame(events), [average], *bounds) for bounds in ((-300, cut_ms), (cut_ms, 300))]
    assert pl.concat(parts).sort(KEY).equals(recompute(frame(events), [average], -300, 300))


@given(events_lists, averages, st.integers(-70, 70))
def test_of_a_partition_that_lags_there_are_the_rows_up_to_where_it_was_closed(events, average, closed_ms):
    whole = recompute(frame(events), [average], -65, 65)
    assert recompute(frame(events), [average], -65, 65, closed_ms).equals(whole.filter(pl.col("as_of_ms") <= closed_ms))


def test_many_averages_are_sorted_by_key():
    rows = recompute(
        frame([("AA", "delay", 3, 7)]),
        [Average("long", DurationWindow(20), 10), Average("a", DurationWindow(10), 10)],
        0,
        100,
    )
    assert rows.rows() == [
        ("AA", "delay", "a", 10, 7, 1),
        ("AA", "delay", "long", 10, 7, 1),
        ("AA", "delay", "long", 20, 7, 1),
    ]


def test_event_on_a_grid_point_belongs_to_the_next_window():
    #  [0 ------ 10)
    #           [10 ------ 20)
    rows = recompute(frame([("AA", "delay", 10, 1)]), [TEN], 0, 100)
    assert rows["as_of_ms"].to_list() == [20]


def test_sums_beyond_64_bits_are_exact():
    events = [("AA", "delay", 1, LARGEST_MICROS - 1)] * 1_000
    rows = recompute(frame(events), [Average("last", CountWindow(700), 10), TEN], 0, 100)
    assert rows["value_sum_micros"].to_list() == [700 * (LARGEST_MICROS - 1), 1_000 * (LARGEST_MICROS - 1)]


def test_a_window_empties_and_fills_again():
    #  events  3                      33
    #         [0 -- 10)  [10 -- 20) [20 -- 30)  [30 -- 40)
    rows = recompute(frame([("AA", "delay", 3, 1), ("AA", "delay", 33, 2)]), [TEN], 0, 100)
    assert rows.select("as_of_ms", "value_sum_micros").rows() == [(10, 1), (40, 2)]


def test_values_that_cancel_out_leave_a_row_of_zero():
    rows = recompute(frame([("AA", "delay", 3, 5), ("AA", "delay", 4, -5)]), [TEN], 0, 100)
    assert rows.select("value_sum_micros", "event_count").rows() == [(0, 2)]


@pytest.mark.parametrize(("time_ms", "as_of_ms"), [(-1, 0), (-10, 0), (0, 10), (9, 10), (10, 20)])
def test_windows_are_half_open_before_the_epoch_too(time_ms, as_of_ms):
    assert recompute(frame([("AA", "delay", time_ms, 1)]), [TEN], -100, 100)["as_of_ms"].to_list() == [as_of_ms]


def test_no_event_no_row():
    assert recompute(frame([]), [TEN, LAST_2], 0, 100).is_empty()


def test_a_count_window_holds_the_last_events_before_its_grid_point_however_old_they_are():
    #  events  3  4                        41
    #         [0 -- 10) [10 -- 20) ... [40 -- 50)
    rows = recompute(frame([("AA", "delay", 3, 1), ("AA", "delay", 4, 2), ("AA", "delay", 41, 4)]), [LAST_2], 0, 100)
    assert rows.select("as_of_ms", "value_sum_micros").rows() == [(10, 3), (50, 6)]


def test_a_count_window_that_is_not_full_holds_what_there_is_of_its_own_series():
    rows = recompute(frame([("AA", "delay", 3, 1), ("AA", "wind", 3, 2), ("B6", "delay", 3, 4)]), [LAST_2], 0, 100)
    assert rows.select("value_sum_micros", "event_count").rows() == [(1, 1), (2, 1), (4, 1)]


def test_equal_event_times_are_in_the_order_of_the_log():
    chooser = random.Random(1)
    events = [("AA", "delay", chooser.randrange(4), value) for value in range(20_000)]
    for event_count in (1, 7_000):
        last = Average("last", CountWindow(event_count), 10)
        assert recompute(frame(events), [last], 0, 100).rows() == brute_force(events, last, 0, 100)


def test_an_event_from_before_the_range_makes_no_row_in_it_but_is_in_its_count_windows():
    events = frame([("AA", "delay", 3, 1), ("AA", "delay", 95, 2)])
    assert recompute(events, [LAST_2], 50, 200).select("as_of_ms", "value_sum_micros").rows() == [(100, 3)]
