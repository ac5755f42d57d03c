"""Cuts a range of time into spans: the events that are read at once, and the rows that are computed at once.

Memory depends on these limits and not on the range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from batch.log.limits import WORK_LIMITS, WorkLimits
from sma.averages import Average
from sma.durations import DAY_MS


@dataclass(frozen=True, slots=True)
class RowSpan:
    """The rows with from_ms <= as_of < until_ms, which are computed at once; within one day."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """The events with from_ms <= event time < until_ms, which are read at once, and the rows that are computed then."""

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
    limits: WorkLimits = WORK_LIMITS,
) -> Iterator[Span]:
    """Yield the spans of a range of rows, and before them those of its lookback, oldest first.

    Args:
        warm_up_days: the days, since the epoch, before `from_ms` that are in the lookback; ascending.
        from_ms: first `as_of` of the range.
        until_ms: one past the last.
        events_by_day: how many events are on each day since the epoch, by event time.
        averages: whose rows are wanted.
        series_count: how many series may have rows.
        limits: of events and rows at once.
    """
    rows_a_day = series_count * sum(max(1, DAY_MS // average.every_ms) for average in averages)
    cuts = [
        *(_cut(day * DAY_MS, (day + 1) * DAY_MS, events_by_day.get(day, 0), 0, limits) for day in warm_up_days),
        *(
            _cut(
                max(day * DAY_MS, from_ms),
                min((day + 1) * DAY_MS, until_ms),
                events_by_day.get(day, 0),
                rows_a_day,
                limits,
            )
            for day in range(from_ms // DAY_MS, -(-until_ms // DAY_MS))
        ),
    ]
    yield from _joined([each for cut in cuts for each in cut], limits)


@dataclass(frozen=True, slots=True)
class _Cut:
    from_ms: int
    until_ms: int
    events: int
    has_rows: bool


def _cut(from_ms: int, until_ms: int, events: int, rows: int, limits: WorkLimits) -> Iterator[_Cut]:
    """Yield a day, or equal cuts of it that fit into a chunk."""
    count = max(1, -(-events // limits.chunk_events), -(-rows // limits.chunk_rows))
    step_ms = max(1, -(-(until_ms - from_ms) // count))
    for start in range(from_ms, until_ms, step_ms):
        yield _Cut(start, min(start + step_ms, until_ms), -(-events // count), rows > 0)


def _joined(cuts: Sequence[_Cut], limits: WorkLimits) -> Iterator[Span]:
    """Yield adjacent cuts as one span, as long as they fit into a chunk."""
    joined: list[_Cut] = []
    for cut in cuts:
        fits = sum(each.events for each in joined) + cut.events <= limits.chunk_events
        if joined and not (fits and joined[-1].until_ms == cut.from_ms):
            yield _span(joined)
            joined = []
        joined.append(cut)
    if joined:
        yield _span(joined)


def _span(cuts: Sequence[_Cut]) -> Span:
    row_spans = tuple(RowSpan(cut.from_ms, cut.until_ms) for cut in cuts if cut.has_rows)
    return Span(cuts[0].from_ms, cuts[-1].until_ms, row_spans)
