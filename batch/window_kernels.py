"""Sorted columns to exact windows: which rows does a stretch of events give, and what is the sum of each?

Compiled loops over whole numbers. The sum before each event is kept in two lanes, so that no addition can overflow and
no float is needed: a value is `high * 2^32 + low` with 0 <= low < 2^32, and lanes are summed apart; it takes 2^31
events to fill one. A window's sum is the difference of two such sums, whatever its length. Reading events, and what
becomes of rows, belongs elsewhere.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.compiled import compiled

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]

LOW_BITS = 32
_LOW_MASK = (1 << LOW_BITS) - 1


@compiled("int64[:](int32[:], int64[:], int64)")
def series_order(series_id: Ids, event_time_ms: Ints, series_count: int) -> Any:
    """Return the places of events, sorted by (series, event time); events with equal ones keep their order.

    O(events) where each series is in order already, else O(events log events) of the series that are not.
    """
    starts = np.zeros(series_count + 1, np.int64)
    for place in range(series_id.size):
        starts[series_id[place] + 1] += 1
    for series in range(series_count):
        starts[series + 1] += starts[series]
    order = np.empty(series_id.size, np.int64)
    ends = starts[:-1].copy()
    is_sorted = np.ones(series_count, np.bool_)
    for place in range(series_id.size):
        series = series_id[place]
        end = ends[series]
        if end > starts[series] and event_time_ms[order[end - 1]] > event_time_ms[place]:
            is_sorted[series] = False
        order[end] = place
        ends[series] = end + 1
    for series in range(series_count):
        if not is_sorted[series]:
            run = order[starts[series] : starts[series + 1]].copy()
            order[starts[series] : starts[series + 1]] = run[np.argsort(event_time_ms[run], kind="mergesort")]
    return order


@compiled("UniTuple(int64[:], 2)(int64[:])")
def sums_before(value_micros: Ints) -> Any:
    """Return the sum of all values before each place, and of all at the end, as (high, low) lanes."""
    high = np.zeros(value_micros.size + 1, np.int64)
    low = np.zeros(value_micros.size + 1, np.int64)
    for place in range(value_micros.size):
        high[place + 1] = high[place] + (value_micros[place] >> LOW_BITS)
        low[place + 1] = low[place] + (value_micros[place] & _LOW_MASK)
    return high, low


@compiled("Tuple((int32[:], int64[:], int64[:], int64[:]))(int32[:], int64[:], int64, int64, int64, int64)")
def count_windows(
    series_id: Ids, event_time_ms: Ints, event_count: int, every_ms: int, from_ms: int, until_ms: int
) -> Any:
    """Return the windows of the last `event_count` events with from_ms <= as_of < until_ms.

    Args:
        series_id: of each event, ascending.
        event_time_ms: of each event, ascending within a series.
        event_count: how many events a window holds at most.
        every_ms: the grid.
        from_ms: first `as_of` wanted; it need not stand on the grid.
        until_ms: one past the last `as_of` wanted.

    Returns:
        (series_id, as_of_ms, first, end) of each window: it holds the events at first <= place < end; one for each grid
        point T with an event of the series at T - every_ms <= event time < T; sorted by series and as_of.
    """
    size = 0
    ids = np.empty(series_id.size, np.int32)
    as_ofs, firsts, ends = (
        np.empty(series_id.size, np.int64),
        np.empty(series_id.size, np.int64),
        np.empty(series_id.size, np.int64),
    )
    series_start = 0
    for place in range(series_id.size):
        if place and series_id[place] != series_id[place - 1]:
            series_start = place
        as_of = event_time_ms[place] // every_ms * every_ms + every_ms
        is_last = place + 1 == series_id.size or series_id[place + 1] != series_id[place]
        if not is_last and event_time_ms[place + 1] < as_of:
            continue
        if from_ms <= as_of < until_ms:
            ids[size], as_ofs[size], ends[size] = series_id[place], as_of, place + 1
            firsts[size] = max(series_start, place + 1 - event_count)
            size += 1
    return ids[:size], as_ofs[:size], firsts[:size], ends[:size]


@compiled("int64(int32[:], int64[:], int64, int64, int64, int64)")
def duration_window_count(
    series_id: Ids, event_time_ms: Ints, duration_ms: int, every_ms: int, from_ms: int, until_ms: int
) -> Any:
    """Return how many windows `duration_windows` gives at most: the grid points that some event is in reach of."""
    found = 0
    covered = from_ms  # the first grid point not counted yet of this series
    for place in range(series_id.size):
        if place == 0 or series_id[place] != series_id[place - 1]:
            covered = from_ms
        first = event_time_ms[place] // every_ms * every_ms + every_ms
        start = max(covered, first)
        start += -start % every_ms
        end = min(until_ms, first + duration_ms)
        if end > start:
            found += (end - start + every_ms - 1) // every_ms
            covered = end
    return found


@compiled("Tuple((int32[:], int64[:], int64[:], int64[:]))(int32[:], int64[:], int64, int64, int64, int64)")
def duration_windows(
    series_id: Ids, event_time_ms: Ints, duration_ms: int, every_ms: int, from_ms: int, until_ms: int
) -> Any:
    """Return the windows that hold an event, with from_ms <= as_of < until_ms; arguments and rows as `count_windows`.

    A window at T holds the events with T - duration_ms <= event time < T. O(events + windows).
    """
    capacity = duration_window_count(series_id, event_time_ms, duration_ms, every_ms, from_ms, until_ms)
    ids = np.empty(capacity, np.int32)
    as_ofs, firsts, ends = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    size = 0
    series_start = 0
    while series_start < series_id.size:
        series = series_id[series_start]
        series_end = series_start
        while series_end < series_id.size and series_id[series_end] == series:
            series_end += 1
        first = end = series_start
        as_of = from_ms + -from_ms % every_ms
        while as_of < until_ms:
            while end < series_end and event_time_ms[end] < as_of:
                end += 1
            while first < end and event_time_ms[first] < as_of - duration_ms:
                first += 1
            if first < end:
                ids[size], as_ofs[size], firsts[size], ends[size] = series, as_of, first, end
                size += 1
                as_of += every_ms
            elif end < series_end:  # nothing between here and the next event
                as_of = event_time_ms[end] // every_ms * every_ms + every_ms
            else:
                break
        series_start = series_end
    return ids[:size], as_ofs[:size], firsts[:size], ends[:size]


@compiled("boolean[:](int32[:], int64[:], uint8[:], int64, int64, int64)")
def kept_events(series_id: Ids, event_time_ms: Ints, bits: Any, parts: int, from_ms: int, event_count: int) -> Any:
    """Return which events windows behind these can hold, whichever of the parts counts.

    They are those at or after `from_ms`, and of each part the last `event_count` of each series.

    Args:
        series_id: of each event, ascending.
        event_time_ms: of each event, ascending within a series.
        bits: uint8 of each event; bit 0 is set where the first part counts it, and so on.
        parts: how many there are.
        from_ms: milliseconds since the Unix epoch.
        event_count: of the largest count window; 0 where there is none.
    """
    kept = np.zeros(series_id.size, np.bool_)
    last = np.zeros(parts, np.int64)
    for place in range(series_id.size - 1, -1, -1):
        if place + 1 < series_id.size and series_id[place + 1] != series_id[place]:
            last[:] = 0
        kept[place] = event_time_ms[place] >= from_ms
        for part in range(parts):
            if bits[place] >> part & 1:
                last[part] += 1
                kept[place] |= last[part] <= event_count
    return kept
