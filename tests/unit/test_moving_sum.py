"""The queue with an incremental sum: exact, and cheap however large its window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sma.window import CountWindow, DurationWindow
from tests.support.moving_sum import MovingSum

values = st.integers(min_value=-(10**18), max_value=10**18)


def test_count_window_evicts_the_oldest_event_once_it_is_full():
    #   1  2  3  4        the last 3 of them:  [2 3 4]
    queue = MovingSum(CountWindow(3))
    states = []
    for event_time_ms, value in enumerate([1, 2, 3, 4]):
        queue.add(event_time_ms, value)
        states.append((queue.value_sum_micros, queue.event_count, queue.is_full))
    assert states == [(1, 1, False), (3, 2, False), (6, 3, True), (9, 3, True)]


def test_duration_window_holds_its_start_and_evicts_what_is_older():
    #   9 |10 ....... 15|      T = 15, D = 5: [10, 15)
    queue = MovingSum(DurationWindow(5))
    for event_time_ms in (9, 10, 14):
        queue.add(event_time_ms, 1)
    queue.advance_to(15)
    assert queue.event_count == 2
    assert queue.is_full


def test_duration_window_that_everything_has_left_is_empty():
    queue = MovingSum(DurationWindow(5))
    queue.add(0, 7)
    queue.advance_to(100)
    assert (queue.value_sum_micros, queue.event_count) == (0, 0)
    with pytest.raises(ZeroDivisionError):
        queue.average_micros()


def test_average_is_the_exact_fraction():
    queue = MovingSum(CountWindow(3))
    for event_time_ms, value in enumerate([1, 1, 2]):
        queue.add(event_time_ms, value)
    assert queue.average_micros() * 3 == 4


def test_an_event_out_of_order_is_refused_and_changes_nothing():
    queue = MovingSum(CountWindow(3))
    queue.add(10, 1)
    with pytest.raises(ValueError, match="9 after 10"):
        queue.add(9, 1)
    assert queue.event_count == 1


@pytest.mark.parametrize("window", [CountWindow(0), DurationWindow(0), CountWindow(-1)])
def test_a_window_that_holds_nothing_is_refused(window):
    with pytest.raises(ValueError, match="at least 1"):
        MovingSum(window)


@given(st.lists(values), st.integers(1, 20))
def test_count_window_equals_brute_force(series, event_count):
    queue = MovingSum(CountWindow(event_count))
    for position, value in enumerate(series):
        queue.add(position, value)
        inside = series[max(0, position + 1 - event_count) : position + 1]
        assert (queue.value_sum_micros, queue.event_count) == (sum(inside), len(inside))


@given(st.lists(st.tuples(st.integers(-100, 100), values)), st.integers(1, 40), st.integers(1, 10))
def test_duration_window_equals_brute_force_at_every_grid_point(events, duration_ms, every_ms):
    series = sorted(events)
    queue = MovingSum(DurationWindow(duration_ms))
    waiting = list(series)
    for as_of in range(-120, 200, every_ms):
        while waiting and waiting[0][0] < as_of:
            queue.add(*waiting.pop(0))
        queue.advance_to(as_of)
        inside = [value for event_time_ms, value in series if as_of - duration_ms <= event_time_ms < as_of]
        assert (queue.value_sum_micros, queue.event_count) == (sum(inside), len(inside))


class CountedValue(int):
    """A value that counts how often it is added or taken away."""

    operations = 0

    def __radd__(self, other):
        CountedValue.operations += 1
        return int(other) + int(self)

    def __rsub__(self, other):
        CountedValue.operations += 1
        return int(other) - int(self)


@pytest.mark.parametrize("size", [1, 20, 2_000])
@pytest.mark.parametrize("window_of", [CountWindow, DurationWindow])
def test_each_event_costs_at_most_one_addition_and_one_subtraction_whatever_the_window(window_of, size):
    CountedValue.operations = 0
    queue = MovingSum(window_of(size))
    for event_time_ms in range(10_000):
        queue.add(event_time_ms, CountedValue(event_time_ms))
        queue.advance_to(event_time_ms + 1)
        queue.average_micros()
    assert CountedValue.operations == 10_000 + (10_000 - size)
