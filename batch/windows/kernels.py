"""Computes exact windows from sorted columns: the rows of the events of a span, and the sum of each.

A window's sum is the difference of two running sums, at any length. Running sums are 64 bits wide and may
overflow: the difference is right as long as the window's own sum fits, which the caller must ensure. No float takes
part. Reading events and storing rows belong elsewhere.

The loops are compiled. Their outputs are allocated by numpy, which asks the system for large pages: the first write to
a row's memory costs as much as computing the row.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.log.compiled import compiled, inlined

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Windows:
    """Rows sorted by series and time: columns of one length, but for `row_counts`.

    row_counts: int64, how many rows each series has, as many as there are series.
    as_of_ms: int64, since the Unix epoch.
    value_sums: int64, of the summed column.
    event_counts: int32.
    """

    row_counts: Ints
    as_of_ms: Ints
    value_sums: Ints
    event_counts: NDArray[np.int32]


def count_windows(
    ends: Ints, event_time_ms: Ints, before: Ints, event_count: int, every_ms: int, from_ms: int, until_ms: int
) -> Windows:
    """Return the windows of the last `event_count` events with from_ms <= as_of < until_ms.

    There is one for each grid point T with an event of the series at T - every_ms <= event time < T.

    Args:
        ends: one past the place of the last event of each series; ascending.
        event_time_ms: of each event, ascending within a series.
        before: from `sums_before`.
        event_count: how many events a window holds at most.
        every_ms: the grid.
        from_ms: first `as_of` wanted; it need not be on the grid.
        until_ms: one past the last `as_of` wanted.
    """
    grid = _grid(ends, event_time_ms, every_ms, every_ms, from_ms, until_ms)
    windows = _empty_windows(ends.size, int(grid[1].sum()))
    size = _count_windows(ends, event_time_ms, before, event_count, every_ms, *grid, *_columns(windows))
    return _shortened(windows, size)


def duration_windows(
    ends: Ints, event_time_ms: Ints, before: Ints, duration_ms: int, every_ms: int, from_ms: int, until_ms: int
) -> Windows:
    """Return the windows that hold an event, with from_ms <= as_of < until_ms; other arguments as `count_windows`.

    A window at T holds the events with T - duration_ms <= event time < T, and duration_ms is a multiple of every_ms.
    """
    grid = _grid(ends, event_time_ms, duration_ms, every_ms, from_ms, until_ms)
    windows = _empty_windows(ends.size, int(grid[1].sum()))
    size = _duration_windows(ends, event_time_ms, before, duration_ms, every_ms, *grid, *_columns(windows))
    return _shortened(windows, size)


def _empty_windows(series: int, grid_points: int) -> Windows:
    most = grid_points + 1  # a row is written before it is known whether it is one
    return Windows(
        np.zeros(series, np.int64), np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32)
    )


def _columns(windows: Windows) -> tuple[Any, ...]:
    return windows.row_counts, windows.as_of_ms, windows.value_sums, windows.event_counts


def _shortened(windows: Windows, size: int) -> Windows:
    return Windows(windows.row_counts, windows.as_of_ms[:size], windows.value_sums[:size], windows.event_counts[:size])


@compiled("int64[::1](int64[::1])")
def sums_before(values: Ints) -> Any:
    """Return the sum of all values before each place, and of all at the end; it may overflow."""
    before = np.empty(values.size + 1, np.int64)
    total: Any = np.int64(0)
    before[0] = 0
    for place in range(values.size):
        total += values[place]
        before[place + 1] = total
    return before


@compiled("Tuple((int64[::1], int64[::1]))(int32[::1], int64[::1], int64)")
def series_order(series_id: Ids, event_time_ms: Ints, series_count: int) -> Any:
    """Return the places of events, sorted by (series, event time), and one past each series' last in that order.

    Events with equal ones keep their order. O(events) where series are nearly in order, by insertion sort; a
    series in which that takes too many steps is sorted at the end, O(events log events).
    """
    starts = np.zeros(series_count + 1, np.int64)
    for place in range(series_id.size):
        starts[series_id[place] + 1] += 1
    for series in range(series_count):
        starts[series + 1] += starts[series]
    order = np.empty(series_id.size, np.int64)
    ends = starts[:-1].copy()
    steps_left = 8 * (starts[1:] - starts[:-1])
    for place in range(series_id.size):
        series = series_id[place]
        time_ms = event_time_ms[place]
        at = ends[series]
        ends[series] = at + 1
        if steps_left[series] >= 0:
            while at > starts[series] and event_time_ms[order[at - 1]] > time_ms and steps_left[series] >= 0:
                order[at] = order[at - 1]
                steps_left[series] -= 1
                at -= 1
        order[at] = place
    for series in range(series_count):
        if steps_left[series] < 0:
            run = np.sort(order[starts[series] : starts[series + 1]])  # in the order of the log
            order[starts[series] : starts[series + 1]] = run[np.argsort(event_time_ms[run], kind="mergesort")]
    return order, ends


@compiled("UniTuple(int64[::1], 2)(int64[::1], int64[::1], int64, int64, int64, int64)")
def _grid(ends: Ints, event_time_ms: Ints, length_ms: int, every_ms: int, from_ms: int, until_ms: int) -> Any:
    """Return for each series its first grid point at which there can be a row, and how many such grid points there are.

    An event can make rows up to `length_ms` after the grid point before it.
    """
    first_ms = np.zeros(ends.size, np.int64)
    points = np.zeros(ends.size, np.int64)
    start: Any = np.int64(0)
    for series in range(ends.size):
        end = ends[series]
        if start < end:
            first = max(from_ms + -from_ms % every_ms, event_time_ms[start] // every_ms * every_ms + every_ms)
            last = min(until_ms - 1, event_time_ms[end - 1] // every_ms * every_ms + length_ms)
            first_ms[series] = first
            points[series] = max(0, (last - first) // every_ms + 1)
        start = end
    return first_ms, points


@inlined
def _place_of(event_time_ms: Ints, start: int, end: int, time_ms: int) -> int:
    """Return the place of the first event at or after a time."""
    while start < end:
        middle = (start + end) >> 1
        if event_time_ms[middle] < time_ms:
            start = middle + 1
        else:
            end = middle
    return start


@inlined
def _mark(event_time_ms: Ints, place: int, end: int, from_ms: int, every_ms: int, points: int, marks: Ints) -> None:
    """Put one past the last event between two grid points into the mark of the second; the first one is `from_ms`."""
    length_ms = points * every_ms
    while place < end:
        after = event_time_ms[place] - from_ms
        if after >= length_ms:
            break
        place += 1
        marks[after // every_ms] = place


# Both walk over the grid, not over the events, and without a branch: events are at random between grid points, and a
# branch that cannot be predicted costs more than a row. At a grid point the newest event before it is the last one that
# is marked there or earlier, and the oldest one of a duration window is what was the newest that long ago.
_SIGNATURE = (
    "int64(int64[::1], int64[::1], int64[::1], int64, int64, int64[::1], int64[::1], "
    "int64[::1], int64[::1], int64[::1], int32[::1])"
)


@compiled(_SIGNATURE)
def _count_windows(
    ends: Ints,
    event_time_ms: Ints,
    before: Ints,
    event_count: int,
    every_ms: int,
    first_ms: Ints,
    points: Ints,
    row_counts: Ints,
    as_ofs: Ints,
    sums: Ints,
    counts: Ids,
) -> int:
    """Fill the last four; return how many rows there are."""
    marks = np.zeros(points.max() if points.size else 0, np.int64)
    size = 0
    start: Any = np.int64(0)
    for series in range(ends.size):
        end = ends[series]
        first_row = size
        as_of = first_ms[series]
        before_last = _place_of(event_time_ms, start, end, as_of - every_ms)
        _mark(event_time_ms, before_last, end, as_of - every_ms, every_ms, points[series], marks)
        for point in range(points[series]):
            window_end = max(before_last, marks[point])
            window_start = max(start, window_end - event_count)
            marks[point] = 0
            as_ofs[size] = as_of
            sums[size] = before[window_end] - before[window_start]
            counts[size] = window_end - window_start
            size += window_end > before_last
            before_last = window_end
            as_of += every_ms
        row_counts[series] = size - first_row
        start = end
    return size


@compiled(_SIGNATURE)
def _duration_windows(
    ends: Ints,
    event_time_ms: Ints,
    before: Ints,
    duration_ms: int,
    every_ms: int,
    first_ms: Ints,
    points: Ints,
    row_counts: Ints,
    as_ofs: Ints,
    sums: Ints,
    counts: Ids,
) -> int:
    """Fill the last four; return how many rows there are."""
    most = points.max() if points.size else 0
    end_marks, start_marks = np.zeros(most, np.int64), np.zeros(most, np.int64)
    size = 0
    start: Any = np.int64(0)
    for series in range(ends.size):
        end = ends[series]
        first_row = size
        as_of = first_ms[series]
        from_ms = as_of - every_ms
        window_end = _place_of(event_time_ms, start, end, from_ms)
        window_start = _place_of(event_time_ms, start, end, from_ms - duration_ms)
        _mark(event_time_ms, window_end, end, from_ms, every_ms, points[series], end_marks)
        _mark(event_time_ms, window_start, end, from_ms - duration_ms, every_ms, points[series], start_marks)
        for point in range(points[series]):
            window_end = max(window_end, end_marks[point])
            window_start = max(window_start, start_marks[point])
            end_marks[point] = start_marks[point] = 0
            as_ofs[size] = as_of
            sums[size] = before[window_end] - before[window_start]
            counts[size] = window_end - window_start
            size += window_end > window_start
            as_of += every_ms
        row_counts[series] = size - first_row
        start = end
    return size


@compiled("boolean[::1](int64[::1], int64[::1], uint8[::1], int64, int64, int64)")
def kept_events(ends: Ints, event_time_ms: Ints, bits: Bits, filters: int, from_ms: int, event_count: int) -> Any:
    """Return which events later windows can hold, by any of the filters.

    They are those at or after `from_ms`, and of each filter the last `event_count` of each series.

    Args:
        ends: one past the place of the last event of each series; ascending.
        event_time_ms: of each event, ascending within a series.
        bits: of each event; bit 0 is set where the first filter counts it, and so on.
        filters: how many there are.
        from_ms: milliseconds since the Unix epoch.
        event_count: of the largest count window; 0 where there is none.
    """
    kept = np.zeros(event_time_ms.size, np.bool_)
    last = np.zeros(filters, np.int64)
    start: Any = np.int64(0)
    for series in range(ends.size):
        last[:] = 0
        for place in range(ends[series] - 1, start - 1, -1):
            kept[place] = event_time_ms[place] >= from_ms
            for number in range(filters):
                if bits[place] >> number & 1:
                    last[number] += 1
                    kept[place] |= last[number] <= event_count
        start = ends[series]
    return kept
