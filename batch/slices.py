"""A range of time cut into slices: how much is worked on at once?

A slice is as long as its events and its rows allow, so that what is held in memory depends on the stated chunk and not
on the range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sma.averages import Average
from sma.durations import DAY_MS

CHUNK_EVENTS = 500_000  # of all partitions together, as their days say; they may lie unevenly within a day
CHUNK_ROWS = 500_000


@dataclass(frozen=True, slots=True)
class Slice:
    """The events with from_ms <= event time < until_ms; `has_rows` tells whether rows of that range are wanted."""

    from_ms: int
    until_ms: int
    has_rows: bool


def slices(
    warm_up_days: Sequence[int],
    from_ms: int,
    until_ms: int,
    events_by_day: Mapping[int, int],
    averages: Sequence[Average],
    series_count: int,
) -> Iterator[Slice]:
    """Yield the slices of a range of rows, oldest first, and before them those of what its windows reach back to.

    None reaches over the end of a day on which rows are wanted.

    Args:
        warm_up_days: the days, since the epoch, before `from_ms` on which events are needed; ascending.
        from_ms: first `as_of` of the range.
        until_ms: one past the last.
        events_by_day: how many events have their time on each day since the epoch.
        averages: whose rows are wanted.
        series_count: how many series may have rows.
    """
    yield from _warm_up(warm_up_days, from_ms, events_by_day)
    rows_a_day = series_count * sum(max(1, DAY_MS // average.every_ms) for average in averages)
    for day in range(from_ms // DAY_MS, -(-until_ms // DAY_MS)):
        parts = _parts(events_by_day.get(day, 0), rows_a_day)
        yield from _cut(max(day * DAY_MS, from_ms), min((day + 1) * DAY_MS, until_ms), parts, has_rows=True)


def _warm_up(days: Sequence[int], until_ms: int, events_by_day: Mapping[int, int]) -> Iterator[Slice]:
    """Days that follow one another are one slice as long as they fit into a chunk; a day that does not is several."""
    place = 0
    while place < len(days):
        end, events = place + 1, events_by_day.get(days[place], 0)
        while end < len(days) and days[end] == days[end - 1] + 1:
            events += events_by_day.get(days[end], 0)
            if events > CHUNK_EVENTS:
                break
            end += 1
        parts = _parts(events_by_day.get(days[place], 0), 0) if end == place + 1 else 1
        last_ms = min((days[end - 1] + 1) * DAY_MS, until_ms)
        yield from _cut(days[place] * DAY_MS, last_ms, parts, has_rows=False)
        place = end


def _parts(events: int, rows: int) -> int:
    return max(1, -(-events // CHUNK_EVENTS), -(-rows // CHUNK_ROWS))


def _cut(from_ms: int, until_ms: int, parts: int, *, has_rows: bool) -> Iterator[Slice]:
    step_ms = max(1, -(-(until_ms - from_ms) // parts))
    for start in range(from_ms, until_ms, step_ms):
        yield Slice(start, min(start + step_ms, until_ms), has_rows)
