"""Computes one partition's averages over a range of time, span by span: exact rows from the log, in bounded memory.

Reads only the blocks of the offset index that can hold events of a span; late events come from the index itself. The
events in the lookback of later windows are kept from span to span. Reading the log and storing rows do not belong here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.index.blocks import joined_ranges
from batch.index.origins import KnownFrom
from batch.log.limits import WORK_LIMITS
from batch.log.reader import Chunk
from batch.log.series_table import SeriesTable
from batch.windows.kernels import (
    Windows,
    count_windows,
    duration_windows,
    kept_events,
    series_order,
    sums_before,
)
from batch.windows.lookback import longest_ms, most_events
from batch.windows.spans import RowSpan, Span
from sma.averages import Average
from sma.origin import EVERYTHING_MS
from sma.window import CountWindow

Ints = NDArray[np.int64]
Bits = NDArray[np.uint8]

LOW_BITS = 32  # of a sum in two lanes
NO_END_MS = (1 << 63) - 1

_LATE_BIT = 0x80

Read = Callable[[int, int, int, SeriesTable], Iterator[Chunk]]
"""(partition, start, end, series) -> the records at start <= Kafka offset < end: `batch.log.reader.read_partition`."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of the log count: those before a Kafka offset of their partition, or all; late ones or not.

    `counts_late` adds the number of late events in each window.
    """

    read_to: Mapping[int, int] | None = None
    has_late: bool = True
    counts_late: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every event counts."""
        return self.read_to is None and self.has_late


@dataclass(frozen=True, slots=True)
class Source:
    """What the offset index holds of one partition.

    blocks: int64, four rows: first_offset, next_offset, min_event_time_ms, max_event_time_ms of the blocks with
        events that are not late, by Kafka offset.
    late: the late events by Kafka offset: offset, customer, metric, event time in ms, micro-units.
    known_from: from when on the events of its series are known.
    """

    partition: int
    blocks: Ints
    late: Sequence[tuple[int, str, str, int, int]]
    known_from: KnownFrom = field(default_factory=KnownFrom)


@dataclass(frozen=True, slots=True)
class Task:
    """What one process computes; a task can be sent to another process.

    sources: one partition; more only where a series has events in more than one, sent without their key.
    filters: by name; 7 at most, a bit of each event for each.
    bridged_offsets: as `batch.log.limits.WorkLimits` has it.
    until_ms: one past the last `as_of` of a row, if that is before the end of a span.
    """

    sources: tuple[Source, ...]
    averages: tuple[Average, ...]
    filters: Mapping[str, EventFilter]
    spans: tuple[Span, ...]
    bridged_offsets: int = WORK_LIMITS.bridged_offsets
    until_ms: int = NO_END_MS

    def closed(self, wanted: RowSpan) -> RowSpan:
        """Return the part of a row span before `until_ms`; it may be empty."""
        return RowSpan(wanted.from_ms, max(wanted.from_ms, min(wanted.until_ms, self.until_ms)))

    def ranges(self, source: Source, wanted: Span) -> list[tuple[int, int]]:
        """Return the ranges of Kafka offsets that can hold events of a span; near blocks join to one range."""
        return joined_ranges(source.blocks[:, _overlaps(source.blocks, wanted)], self.bridged_offsets)

    def all_ranges(self, source: Source) -> list[tuple[int, int]]:
        """Return the ranges of Kafka offsets that can hold events of any span."""
        overlapping = np.zeros(source.blocks.shape[1], np.bool_)
        for wanted in self.spans:
            overlapping |= _overlaps(source.blocks, wanted)
        return joined_ranges(source.blocks[:, overlapping], self.bridged_offsets)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one average and filter with as_of in a row span, sorted by series number and time; columns of one length.

    row_counts: int64, how many rows each series has; a series' number is a place here and in the table of series.
    as_of_ms: int64, since the Unix epoch.
    sums: micro-units, `high * 2^32 + low` of two int64 columns, or where every sum fits into 64 bits one column.
    event_counts: int32.
    late_event_counts: int64; None where the filter does not count them.
    """

    event_filter: str
    average: str
    row_counts: Ints
    as_of_ms: Ints
    sums: tuple[Ints, ...]
    event_counts: NDArray[np.int32]
    late_event_counts: Ints | None


@dataclass(frozen=True, slots=True)
class _Events:
    """Columns of one length; `bits` has one bit for each filter that counts the event, and one for a late event."""

    series_id: NDArray[np.int32]
    event_time_ms: Ints
    value_micros: Ints
    bits: Bits

    @classmethod
    def concat(cls, event_lists: Sequence["_Events"]) -> "_Events":
        return cls(*(np.concatenate([getattr(events, name) for events in event_lists]) for name in cls.__slots__))

    @classmethod
    def none(cls) -> "_Events":
        return cls(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))

    def take(self, places: Any) -> "_Events":
        """Return those at some places, or where a mask is true."""
        return _Events(*(getattr(self, name)[places] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Known:
    """From when on series are known: `from_ms` by number, `others_ms` of those with a larger number."""

    from_ms: Ints
    others_ms: int

    def of_series(self, numbers: NDArray[Any]) -> Ints:
        """Return the time of each series."""
        is_there = numbers < self.from_ms.size
        return np.where(
            is_there, self.from_ms[np.where(is_there, numbers, 0)] if self.from_ms.size else 0, self.others_ms
        )

    def windows(self, average: Average, windows: Windows) -> Windows:
        """Leave out windows that may hold events from before those that are known; `windows` hold known ones only."""
        series = np.repeat(np.arange(windows.row_counts.size), windows.row_counts)
        from_ms = self.of_series(series)
        if isinstance(average.window, CountWindow):
            is_known = (windows.event_counts == average.window.event_count) | (from_ms == EVERYTHING_MS)
        else:
            is_known = windows.as_of_ms - average.window.duration_ms >= from_ms
        return Windows(
            np.bincount(series[is_known], minlength=windows.row_counts.size).astype(np.int64),
            windows.as_of_ms[is_known],
            windows.value_sums[is_known],
            windows.event_counts[is_known],
        )


class PartitionWindows:
    """Computes the rows of a task, once.

    Attributes:
        series: the series by the numbers in rows; it grows with the events read.
    """

    def __init__(self, task: Task, read: Read) -> None:
        """Prepare the task; nothing is read yet."""
        self.series = SeriesTable()
        self._task = task
        self._read = read
        self._lookback_ms = longest_ms(task.averages)
        self._largest_count = most_events(task.averages)
        self._known = self._known_from()
        self._late = {source.partition: self._late_of(source) for source in task.sources}

    def rows(self) -> Iterator[tuple[RowSpan, list[Rows]]]:
        """Yield the rows of each row span, oldest first."""
        kept = _Events.none()
        for wanted in self._task.spans:
            read = [self._events_of(source, wanted) for source in self._task.sources]
            events = _Events.concat([kept, *read])
            order, ends = series_order(events.series_id, events.event_time_ms, len(self.series))
            events = events.take(order)
            filters = list(self._filtered(events, ends)) if wanted.row_spans else []
            for each in wanted.row_spans:
                closed = self._task.closed(each)
                yield (
                    each,
                    [
                        event_filter.rows(average, closed, self._known)
                        for event_filter in filters
                        for average in self._task.averages
                    ],
                )
            from_ms = wanted.until_ms - self._lookback_ms
            is_kept = kept_events(
                ends, events.event_time_ms, events.bits, len(self._task.filters), from_ms, self._largest_count
            )
            kept = events.take(is_kept)

    def _events_of(self, source: Source, wanted: Span) -> _Events:
        """Return the events of a span in the order of the log."""
        late_offsets, late_events = self._late[source.partition]
        events, offsets = [_Events.none()], [np.empty(0, np.int64)]
        for start, end in self._task.ranges(source, wanted):
            for chunk in self._read(source.partition, start, end, self.series):
                is_wanted: Any = self._is_wanted(chunk.series_ids, chunk.event_times_ms, wanted)
                is_wanted[_places_of(chunk.kafka_offsets, late_offsets)] = False
                if is_wanted.all():
                    is_wanted = slice(None)  # nothing to copy
                offsets.append(chunk.kafka_offsets[is_wanted])
                events.append(
                    _Events(
                        chunk.series_ids[is_wanted],
                        chunk.event_times_ms[is_wanted],
                        chunk.values_micros[is_wanted],
                        self._bits(source.partition, offsets[-1], is_late=False),
                    )
                )
        is_late = self._is_wanted(late_events.series_id, late_events.event_time_ms, wanted)
        if not is_late.any():
            return _Events.concat(events)
        unsorted = _Events.concat([*events, late_events.take(is_late)])
        return unsorted.take(np.argsort(np.concatenate([*offsets, late_offsets[is_late]]), kind="stable"))

    def _known_from(self) -> "_Known | None":
        """Return from when on the series are known; None where the log has the beginning of all."""
        sources = [source.known_from for source in self._task.sources]
        bounds = [bound for known_from in sources for bound in known_from.by_series.items()]
        others_ms = max((known_from.others_ms for known_from in sources), default=EVERYTHING_MS)
        if not bounds and others_ms == EVERYTHING_MS:
            return None
        numbers = [self.series.number(*names) for names, _ in bounds]
        from_ms = np.full(len(self.series), others_ms, np.int64)
        np.maximum.at(from_ms, np.array(numbers, np.int64), np.array([known_ms for _, known_ms in bounds], np.int64))
        return _Known(from_ms, others_ms)

    def _is_wanted(self, series_ids: NDArray[np.int32], event_times_ms: Ints, wanted: Span) -> NDArray[np.bool_]:
        is_wanted: NDArray[np.bool_] = (event_times_ms >= wanted.from_ms) & (event_times_ms < wanted.until_ms)
        if self._known is not None:
            is_wanted &= event_times_ms >= self._known.of_series(series_ids)
        return is_wanted

    def _late_of(self, source: Source) -> tuple[Ints, _Events]:
        offsets, customers, metrics, times_ms, values = zip(*source.late, strict=True) if source.late else ((),) * 5
        late_offsets = np.array(offsets, np.int64)
        names = list(zip(customers, metrics, strict=True))
        numbers = {each: self.series.number(*each) for each in dict.fromkeys(names)}
        return late_offsets, _Events(
            np.array([numbers[each] for each in names], np.int32),
            np.array(times_ms, np.int64),
            np.array(values, np.int64),
            self._bits(source.partition, late_offsets, is_late=True),
        )

    def _bits(self, partition: int, kafka_offset: Ints, *, is_late: bool) -> Bits:
        bits = np.full(kafka_offset.size, _LATE_BIT if is_late else 0, np.uint8)
        for number, event_filter in enumerate(self._task.filters.values()):
            if is_late and not event_filter.has_late:
                continue
            end = kafka_offset.size
            if event_filter.read_to is not None:
                end = int(np.searchsorted(kafka_offset, event_filter.read_to.get(partition, 0)))
            bits[:end] |= np.uint8(1 << number)
        return bits

    def _filtered(self, events: _Events, ends: Ints) -> Iterator["_FilteredEvents"]:
        for number, (name, event_filter) in enumerate(self._task.filters.items()):
            counted, its_ends = events, ends
            if not event_filter.is_whole:
                counted = events.take((events.bits & (1 << number)) > 0)
                its_ends = np.searchsorted(counted.series_id, np.arange(len(self.series)), side="right")
            yield _FilteredEvents(
                name,
                its_ends,
                counted.event_time_ms,
                tuple(sums_before(lane) for lane in _lanes(counted.value_micros)),
                sums_before((counted.bits >= _LATE_BIT).astype(np.int64)) if event_filter.counts_late else None,
            )


@dataclass(frozen=True, slots=True)
class _FilteredEvents:
    """The events of a span that a filter counts, sorted by series and time; running sums of values and late ones."""

    event_filter: str
    ends: Ints
    event_time_ms: Ints
    lanes_before: tuple[Ints, ...]
    late_before: Ints | None

    def rows(self, average: Average, wanted: RowSpan, known: _Known | None) -> Rows:
        """Return the rows of one average, without those whose windows reach before what is known of their series."""
        columns = [*self.lanes_before, *(() if self.late_before is None else (self.late_before,))]
        windows = [self._windows(average, wanted, before) for before in columns]
        if known is not None:
            windows = [known.windows(average, each) for each in windows]
        late = windows.pop() if self.late_before is not None else None
        first, *others = windows
        return Rows(
            self.event_filter,
            average.name,
            first.row_counts,
            first.as_of_ms,
            (first.value_sums, *(other.value_sums for other in others)),
            first.event_counts,
            None if late is None else late.value_sums,
        )

    def _windows(self, average: Average, wanted: RowSpan, before: Ints) -> Windows:
        # a grid with an offset is the one without, for times that are so much earlier
        window, offset_ms = average.window, average.offset_ms
        times_ms = self.event_time_ms - offset_ms if offset_ms else self.event_time_ms
        bounds = (average.every_ms, wanted.from_ms - offset_ms, wanted.until_ms - offset_ms)
        if isinstance(window, CountWindow):
            windows = count_windows(self.ends, times_ms, before, window.event_count, *bounds)
        else:
            windows = duration_windows(self.ends, times_ms, before, window.duration_ms, *bounds)
        if offset_ms:
            np.add(windows.as_of_ms, offset_ms, out=windows.as_of_ms)
        return windows


def _lanes(value_micros: Ints) -> tuple[Ints, ...]:
    """Return the columns to sum up: the values, or two halves where the sum of all could need more than 64 bits."""
    largest = max(abs(int(value_micros.min(initial=0))), int(value_micros.max(initial=0)))
    if largest * value_micros.size < 1 << 63:
        return (value_micros,)
    return value_micros >> LOW_BITS, value_micros & ((1 << LOW_BITS) - 1)


def _places_of(offsets: Ints, wanted: Ints) -> Ints:
    """Return the indices of the wanted offsets in `offsets`, where some may be missing; both ascending."""
    if not offsets.size:
        return offsets
    first, end = np.searchsorted(wanted, (offsets[0], offsets[-1] + 1))
    places = np.searchsorted(offsets, wanted[first:end])
    present: Ints = places[offsets[places] == wanted[first:end]]
    return present


def _overlaps(blocks: Ints, wanted: Span) -> NDArray[np.bool_]:
    _, _, min_times_ms, max_times_ms = blocks
    overlaps: NDArray[np.bool_] = (min_times_ms < wanted.until_ms) & (max_times_ms >= wanted.from_ms)
    return overlaps
