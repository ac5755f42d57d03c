"""Checks one window of each layer against the sum of its events.

Pure: takes rows and events. The streamed row must equal the sum of the events that are not late, the batch row that of
all events. Of a series in more than one partition, the stream has the row of one of them. Each is compared with the
range of the log that it was computed from, which tells an outdated row from a wrong one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from batch.windows.window_events import Pair, SeriesEvent, pair_of, window_of
from sma.averages import Average

DERIVED = -1  # `newest_offset` of a row that was derived from stored rows


class Verdict(StrEnum):
    """Result of checking the row of a layer; the last three are defects or losses."""

    EQUAL = "equal"
    OF_ONE_PARTITION = "the sum of the events of one of the series' partitions"
    NO_ROW = "no row, and none should be"
    WAITING = "not emitted yet"
    OUTDATED = "right when it was written"
    UNCHECKED = "cannot be checked"
    NOT_KEPT = "no longer kept"
    DIFFERENT = "not the sum of its events"
    MISSING = "missing"
    EXTRA = "a row without events"


WRONG = frozenset({Verdict.DIFFERENT, Verdict.MISSING, Verdict.EXTRA})


@dataclass(frozen=True, slots=True)
class Row:
    """The row of the window in a layer's table.

    sma: the average, as the database divides.
    newest_offset: the version of a streamed row; None of a batch row.
    """

    pair: Pair
    sma: Decimal
    written_at: datetime
    newest_offset: int | None = None


@dataclass(frozen=True, slots=True)
class StoredResult:
    """The batch result of the day: from how much of the log it was computed, and by which run.

    `lagging` has the partitions in which fewer windows were closed than up to `low_watermark_ms`, and up to where.
    """

    read_to: Mapping[int, int]
    low_watermark_ms: int
    run_id: str
    written_at: datetime
    lagging: Mapping[int, int] = field(default_factory=dict)

    def of_series(self, partitions: Collection[int]) -> "StoredResult":
        """Return the result for a series in these partitions: its `low_watermark_ms` is theirs."""
        closed = [closed_ms for number, closed_ms in self.lagging.items() if number in partitions]
        return replace(self, low_watermark_ms=min([self.low_watermark_ms, *closed]))


@dataclass(frozen=True, slots=True)
class LayerCheck:
    """The row of one layer, compared with the sum of its events.

    row: None where the layer has none.
    recomputed: the sum of its events; None where they make no row, or cannot be read.
    window: those events, by time.
    new_events: events that change the window, and arrived after the range of the log that the row was computed from.
    """

    verdict: Verdict
    row: Row | None
    recomputed: Pair | None
    window: tuple[SeriesEvent, ...]
    new_events: tuple[SeriesEvent, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether it is a defect or a loss."""
        return self.verdict in WRONG


@dataclass(frozen=True, slots=True)
class Window:
    """The window to check, and what the log holds of it.

    events: of the series, before `as_of_ms`: all that the window can hold; None where Kafka no longer has them.
    """

    average: Average
    as_of_ms: int
    events: Sequence[SeriesEvent] | None

    def over(self, counts: Callable[[SeriesEvent], bool]) -> tuple[SeriesEvent, ...]:
        """Return the window over the events that count, by time."""
        return window_of(self.average, self.as_of_ms, [event for event in self.events or () if counts(event)])


def check_stream(window: Window, row: Row | None, committed: Mapping[int, int], is_closed: bool | None) -> LayerCheck:
    """Check the streamed row against the events that are not late.

    Args:
        window: with the events to the log's end, which holds all that the row can depend on.
        row: of `sma.streaming_averages`.
        committed: the Kafka offsets, by partition, that the stream had committed when the row was read.
        is_closed: whether the committed watermark has passed the window; None where that is not known, because the
            stream has not committed the log's end.
    """
    if window.events is None:
        return _unchecked(row)
    now = window.over(lambda event: not event.is_late)
    if row is None:
        verdict = Verdict.NO_ROW if not now else Verdict.MISSING if is_closed else Verdict.WAITING
        return LayerCheck(verdict, row, pair_of(now), now, ())
    partitions = sorted({event.kafka_partition for event in window.events})
    for partition in [None, *(partitions if len(partitions) > 1 else ())]:
        check = _check_emitted(window, row, committed, partition)
        if check is not None:
            return check
    return LayerCheck(Verdict.DIFFERENT if now else Verdict.EXTRA, row, pair_of(now), now, ())


def _check_emitted(window: Window, row: Row, committed: Mapping[int, int], partition: int | None) -> LayerCheck | None:
    """Return the check of a row that a partition makes, or the whole log where it is None; None if it makes another."""

    def counts(event: SeriesEvent) -> bool:
        return not event.is_late and partition in (None, event.kafka_partition)

    now = window.over(counts)
    source_offset = row.newest_offset
    if source_offset is None or source_offset == DERIVED:
        then = now
    else:
        then = window.over(lambda event: counts(event) and event.kafka_offset <= source_offset)
    if row.pair == pair_of(now):
        return LayerCheck(Verdict.EQUAL if partition is None else Verdict.OF_ONE_PARTITION, row, row.pair, now, ())
    new_events = _added(now, then)
    has_read_them = any(event.kafka_offset < committed.get(event.kafka_partition, 0) for event in new_events)
    if row.pair == pair_of(then) and new_events and not has_read_them:
        return LayerCheck(Verdict.OUTDATED, row, row.pair, then, new_events)
    return None


def check_batch(window: Window, row: Row | None, result: StoredResult | None) -> LayerCheck:
    """Check the batch row against all events, as far as its result was computed from them.

    Args:
        window: with the events to the log's end.
        row: of `sma.batch_averages`.
        result: of the day and average; None where the day was never computed.
    """
    if window.events is None:
        return _unchecked(row)
    now = window.over(lambda _: True)
    if result is None or result.low_watermark_ms < window.as_of_ms:
        if row is None:
            return LayerCheck(Verdict.WAITING if now else Verdict.NO_ROW, row, pair_of(now), now, ())
        then = now
    else:
        read_to = result.read_to
        then = window.over(lambda event: event.kafka_offset < read_to.get(event.kafka_partition, 0))
    batch_pair = row.pair if row is not None else None
    if batch_pair == pair_of(then):
        new_events = _added(now, then)
        if batch_pair != pair_of(now):
            return LayerCheck(Verdict.OUTDATED, row, batch_pair, then, new_events)
        return LayerCheck(Verdict.EQUAL if row is not None else Verdict.NO_ROW, row, batch_pair, then, ())
    verdict = Verdict.MISSING if row is None else Verdict.DIFFERENT if then else Verdict.EXTRA
    return LayerCheck(verdict, row, pair_of(then), then, ())


def _unchecked(row: Row | None) -> LayerCheck:
    return LayerCheck(Verdict.UNCHECKED, row, None, (), ())


def _added(now: Sequence[SeriesEvent], then: Sequence[SeriesEvent]) -> tuple[SeriesEvent, ...]:
    before = {event.position for event in then}
    return tuple(event for event in now if event.position not in before)
