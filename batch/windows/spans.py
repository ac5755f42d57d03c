"""Cuts a range of time into spans: how many events are read at once, and how many rows are computed at once.

Memory depends on the limits stated here and not on the range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sma.averages import Average
from sma.durations import DAY_MS

CHUNK_EVENTS = 1_000_000  # of all partitions together, as their days say; they may lie unevenly within a day
CHUNK_ROWS = 1_000_000  # likewise


@dataclass(frozen=True, slots=True)
class RowSpan:
    """The rows with from_ms <= as_of < until_ms, which are stated at once; within one day."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """The events with from_ms <= event time < until_ms, which are read at once, and the rows that are stated then."""

    from_ms: int
    until_ms: int
    row_spans: tuple[RowSpan, ...]


def spans(
    warm_up_days: Sequence[int],
    from_ms: int,
    until_ms: int,
    events_by_day: Mapping[int, int],
    averages: Sequence[Average],
    series_count: int,
) -> Iterator[Span]:
    """Yield the spans of a range of rows, and before them those of what its windows reach back to, oldest first.

    Args:
        warm_up_days: the days, since the epoch, before `from_ms` on which events are needed; ascending.
        from_ms: first `as_of` of the range.
        until_ms: one past the last.
        events_by_day: how many events have their time on each day since the epoch.
        averages: whose rows are wanted.
        series_count: how many series may have rows.
    """
    rows_a_day = series_count * sum(max(1, DAY_MS // average.every_ms) for average in averages)
    pieces = [
        *(_cut(day * DAY_MS, (day + 1) * DAY_MS, events_by_day.get(day, 0), 0) for day in warm_up_days),
        *(
            _cut(max(day * DAY_MS, from_ms), min((day + 1) * DAY_MS, until_ms), events_by_day.get(day, 0), rows_a_day)
            for day in range(from_ms // DAY_MS, -(-until_ms // DAY_MS))
        ),
    ]
    yield from _put_together([piece for several in pieces for piece in several])


@dataclass(frozen=True, slots=True)
class _Piece:
    from_ms: int
    until_ms: int
    events: int
    has_rows: bool


def _cut(from_ms: int, until_ms: int, events: int, rows: int) -> Iterator[_Piece]:
    """Yield a day, or parts of one that hold as much as a chunk."""
    parts = max(1, -(-events // CHUNK_EVENTS), -(-rows // CHUNK_ROWS))
    step_ms = max(1, -(-(until_ms - from_ms) // parts))
    for start in range(from_ms, until_ms, step_ms):
        yield _Piece(start, min(start + step_ms, until_ms), -(-events // parts), rows > 0)


def _put_together(pieces: Sequence[_Piece]) -> Iterator[Span]:
    """Yield pieces that touch as one span, as long as they fit into a chunk."""
    begun: list[_Piece] = []
    for piece in pieces:
        fits = sum(each.events for each in begun) + piece.events <= CHUNK_EVENTS
        if begun and not (fits and begun[-1].until_ms == piece.from_ms):
            yield _span(begun)
            begun = []
        begun.append(piece)
    if begun:
        yield _span(begun)


def _span(pieces: Sequence[_Piece]) -> Span:
    row_spans = tuple(RowSpan(piece.from_ms, piece.until_ms) for piece in pieces if piece.has_rows)
    return Span(pieces[0].from_ms, pieces[-1].until_ms, row_spans)
