"""Passes over the records of one partition, in the log's order, and collects what the offset index stores.

Pure: takes the chunks of `batch.log.reader`; returns blocks, late events, and where the next pass starts. Applies the
rule of lateness: an event is late iff its event time is older than the max log time of its series before it in
the log, less `allowed_lateness`.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.log.compiled import compiled
from batch.log.reader import Chunk
from batch.log.series_table import SeriesTable
from sma.durations import DAY_MS
from sma.lateness import NO_EVENT_MS, is_late
from sma.origin import Origin

Ints = NDArray[np.int64]
Names = tuple[str, str]
MaxLogTimes = Callable[[Sequence[Names]], Mapping[Names, int]]
"""(customer, metric) of some series -> the max log time in ms of those that an earlier pass has indexed."""

BLOCK_EVENTS = 4_096


@dataclass(slots=True)
class Block:
    """The records at first_offset <= Kafka offset < next_offset, counted.

    `events` are those that are not late; min and max event time are theirs, None where there are none.
    """

    first_offset: int
    next_offset: int
    events: int = 0
    late_events: int = 0
    rejected_events: int = 0
    heartbeats: int = 0
    min_event_time_ms: int | None = None
    max_event_time_ms: int | None = None


@dataclass(slots=True)
class DayGain:
    """What the log gained of one day of event time; `events` are those that are not late, the times those of all.

    first_offset: of the block with the first event that is not late; None where there is none.
    next_offset, late_next_offset: one past the last event, and the last late event; 0 where there is none.
    """

    min_event_time_ms: int
    max_event_time_ms: int
    events: int = 0
    late_events: int = 0
    first_offset: int | None = None
    next_offset: int = 0
    late_next_offset: int = 0


@dataclass(frozen=True, slots=True)
class LateEvents:
    """Columns of one length, by Kafka offset: series_ids int32, the others int64.

    `max_log_times_before_ms`: max log time of the series before each event, in the log.
    """

    kafka_offsets: Ints
    series_ids: NDArray[np.int32]
    event_times_ms: Ints
    values_micros: Ints
    max_log_times_before_ms: Ints


@dataclass(frozen=True, slots=True)
class PassEnd:
    """The end of an earlier pass over the partition, from which the next one continues.

    next_offset: one past the last record, so that control records after it are not waited for.
    max_log_time_ms: of an event or heartbeat; None where there was none.
    last_block: None where there was no record.
    max_log_times_ms: of series; asked only for those that the next pass meets.
    origin: None where the partition was read from its beginning.
    """

    next_offset: int
    max_log_time_ms: int | None
    last_block: Block | None
    max_log_times_ms: MaxLogTimes = lambda names: {}
    origin: Origin | None = None


class IndexPass:
    """A pass over one partition, which continues where an earlier one ended.

    Attributes:
        series: numbers the series; to be shared with the reader.
        next_offset: one past the last record so far.
        max_log_time_ms: of an event or heartbeat so far; None where there is none.
        blocks: those that are new or have gained records since `forget_written`.
        days: what each day since the epoch has gained since then.
        first_offsets: by series number, of the series that have their first event of the partition since then.
        first_log_times_ms: likewise, the log time of that event.
        origin: of the partition; None where it was read from its beginning.
    """

    def __init__(self, pass_end: PassEnd, allowed_lateness_ms: int, block_events: int = BLOCK_EVENTS) -> None:
        """Continue after the end of an earlier pass.

        Args:
            pass_end: the end of the earlier pass.
            allowed_lateness_ms: that of the averages.
            block_events: how many events, late ones included, a block holds before the next event begins a new one.
        """
        self._block_events = block_events
        self.series = SeriesTable()
        self.next_offset = pass_end.next_offset
        self.max_log_time_ms = pass_end.max_log_time_ms
        self.blocks = [pass_end.last_block] if pass_end.last_block and not self.is_full(pass_end.last_block) else []
        self._allowed_lateness_ms = allowed_lateness_ms
        self._read_max_log_times = pass_end.max_log_times_ms
        self._series_met = 0
        self._max_log_times_ms = np.empty(0, np.int64)
        self._has_gained = np.empty(0, np.bool_)
        self._day_counts: dict[tuple[int, int], list[int]] = {}
        self.days: dict[int, DayGain] = {}
        self.first_offsets: dict[int, int] = {}
        self.first_log_times_ms: dict[int, int] = {}
        self.origin = pass_end.origin

    def is_full(self, block: Block) -> bool:
        """Return whether the next event begins a new block."""
        return block.events + block.late_events >= self._block_events

    def add(self, chunk: Chunk) -> LateEvents:
        """Add the next records; return the late events among them."""
        self._meet_series()
        max_times_before = max_times_before_each(chunk.series_ids, chunk.log_times_ms, self._max_log_times_ms)
        self._has_gained[chunk.series_ids] = True
        for place in np.flatnonzero(max_times_before == NO_EVENT_MS).tolist():
            self.first_offsets[int(chunk.series_ids[place])] = int(chunk.kafka_offsets[place])
            self.first_log_times_ms[int(chunk.series_ids[place])] = int(chunk.log_times_ms[place])
        if self.origin is not None:
            self.origin.take(chunk.kafka_offsets, chunk.log_times_ms, chunk.heartbeat_offsets, chunk.heartbeat_times_ms)
        late = is_late(chunk.event_times_ms, max_times_before, self._allowed_lateness_ms)
        for times in (chunk.log_times_ms, chunk.heartbeat_times_ms):
            if times.size:
                newest_ms = int(times.max())
                self.max_log_time_ms = max(newest_ms, self.max_log_time_ms or newest_ms)
        self._add_blocks(chunk, late)
        self._add_days(chunk, late)
        places = np.flatnonzero(late)
        return LateEvents(
            chunk.kafka_offsets[places],
            chunk.series_ids[places],
            chunk.event_times_ms[places],
            chunk.values_micros[places],
            max_times_before[places],
        )

    def forget_written(self) -> None:
        """Forget what has been stored: only a last block that is not full stays."""
        self.blocks = [block for block in self.blocks[-1:] if not self.is_full(block)]
        self._day_counts = {}
        self.days = {}
        self._has_gained[:] = False
        self.first_offsets = {}
        self.first_log_times_ms = {}

    def day_counts(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (series number, day since the epoch, events that are not late, late events) not stored yet."""
        return ((series, day, count, late) for (series, day), (count, late) in self._day_counts.items())

    def max_log_times_by_series(self) -> Iterator[tuple[int, int]]:
        """Yield (series number, max log time in ms) of each series that has gained an event since `forget_written`."""
        return ((series, int(self._max_log_times_ms[series])) for series in np.flatnonzero(self._has_gained).tolist())

    def _meet_series(self) -> None:
        """Look up the series that the reader has numbered since the last chunk, so that a pass costs what is new."""
        met, count = self._series_met, len(self.series)
        if count > self._max_log_times_ms.size:
            more = 2 * count - self._max_log_times_ms.size
            self._max_log_times_ms = np.concatenate([self._max_log_times_ms, np.full(more, NO_EVENT_MS, np.int64)])
            self._has_gained = np.concatenate([self._has_gained, np.zeros(more, np.bool_)])
        if count > met:
            names = [self.series[number] for number in range(met, count)]
            known = self._read_max_log_times(names)
            self._max_log_times_ms[met:count] = [known.get(each, NO_EVENT_MS) for each in names]
            self._series_met = count

    def _add_blocks(self, chunk: Chunk, late: NDArray[np.bool_]) -> None:
        records_end = max(
            (int(offsets[-1]) + 1 for offsets in _positions(chunk) if offsets.size), default=self.next_offset
        )
        place = 0
        while self.next_offset < records_end:
            if not self.blocks or self.is_full(self.blocks[-1]):
                self.blocks.append(Block(self.next_offset, self.next_offset))
            block = self.blocks[-1]
            end = min(place + self._block_events - block.events - block.late_events, chunk.kafka_offsets.size)
            next_offset = records_end if end == chunk.kafka_offsets.size else int(chunk.kafka_offsets[end])
            late_count = int(late[place:end].sum())
            times = chunk.event_times_ms[place:end][~late[place:end]]
            block.events += times.size
            block.late_events += late_count
            block.rejected_events += _between(chunk.rejected_offsets, self.next_offset, next_offset)
            block.heartbeats += _between(chunk.heartbeat_offsets, self.next_offset, next_offset)
            if times.size:
                min_ms, max_ms = block.min_event_time_ms, block.max_event_time_ms
                block.min_event_time_ms = int(times.min()) if min_ms is None else min(int(times.min()), min_ms)
                block.max_event_time_ms = int(times.max()) if max_ms is None else max(int(times.max()), max_ms)
            block.next_offset = self.next_offset = next_offset
            place = end

    def _add_days(self, chunk: Chunk, late: NDArray[np.bool_]) -> None:
        """Add the events of a chunk to their days, after their blocks."""
        block_starts = [block.first_offset for block in self.blocks]
        for are_late in (False, True):
            places = np.flatnonzero(late == are_late)
            times_ms, offsets = chunk.event_times_ms[places], chunk.kafka_offsets[places]
            self._count_days(chunk.series_ids[places], times_ms, are_late)
            for day, first, last, min_ms, max_ms, count in _by_day(times_ms):
                gain = self.days.setdefault(day, DayGain(min_ms, max_ms))
                gain.min_event_time_ms = min(gain.min_event_time_ms, min_ms)
                gain.max_event_time_ms = max(gain.max_event_time_ms, max_ms)
                next_offset = int(offsets[last]) + 1
                if are_late:
                    gain.late_events, gain.late_next_offset = gain.late_events + count, next_offset
                else:
                    gain.events, gain.next_offset = gain.events + count, next_offset
                    if gain.first_offset is None:
                        gain.first_offset = block_starts[bisect_right(block_starts, int(offsets[first])) - 1]

    def _count_days(self, series_ids: NDArray[np.int32], event_times_ms: Ints, are_late: bool) -> None:
        if not series_ids.size:
            return
        runs = np.stack(day_runs(series_ids, event_times_ms, len(self.series), DAY_MS))
        keys, places = np.unique(runs[:2], axis=1, return_inverse=True)
        counts = np.zeros(keys.shape[1], np.int64)
        np.add.at(counts, places.ravel(), runs[2])
        for series, day, count in zip(*keys.tolist(), counts.tolist(), strict=True):
            self._day_counts.setdefault((series, day), [0, 0])[are_late] += count


def _by_day(event_times_ms: Ints) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Return (day since the epoch, place of its first event, of its last, min time, max time, number of events)."""
    if not event_times_ms.size:
        return iter(())
    of_events = event_times_ms // DAY_MS
    starts = np.concatenate([[0], np.flatnonzero(np.diff(of_events)) + 1])  # of runs of events of one day
    ends = np.concatenate([starts[1:], [of_events.size]])
    days, places = np.unique(of_events[starts], return_inverse=True)
    counts, last, first = np.zeros((3, days.size), np.int64)
    first += of_events.size
    min_ms, max_ms = event_times_ms.max() + counts, event_times_ms.min() + counts
    np.minimum.at(first, places, starts)
    np.maximum.at(last, places, ends - 1)
    np.minimum.at(min_ms, places, np.minimum.reduceat(event_times_ms, starts))
    np.maximum.at(max_ms, places, np.maximum.reduceat(event_times_ms, starts))
    np.add.at(counts, places, ends - starts)
    columns = (days, first, last, min_ms, max_ms, counts)
    return zip(*(column.tolist() for column in columns), strict=True)


def _positions(chunk: Chunk) -> tuple[Ints, Ints, Ints]:
    return chunk.kafka_offsets, chunk.heartbeat_offsets, chunk.rejected_offsets


def _between(offsets: Ints, start: int, end: int) -> int:
    return int(np.searchsorted(offsets, end) - np.searchsorted(offsets, start))


@compiled("int64[:](int32[:], int64[:], int64[:])")
def max_times_before_each(series_ids: Any, log_times_ms: Any, max_times_ms: Any) -> Any:
    """Return the max log time of its series before each event; `max_times_ms`, by series, is updated."""
    before = np.empty(series_ids.size, np.int64)
    for place in range(series_ids.size):
        series = series_ids[place]
        before[place] = max_times_ms[series]
        max_times_ms[series] = max(max_times_ms[series], log_times_ms[place])
    return before


@compiled("UniTuple(int64[:], 3)(int32[:], int64[:], int64, int64)")
def day_runs(series_ids: Any, event_times_ms: Any, series_count: int, day_ms: int) -> Any:
    """Return (series, day since the epoch, events) of each run of a series' events on one day; a day may repeat."""
    most = series_ids.size + series_count
    ids, days, runs = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    current, counts = np.zeros(series_count, np.int64), np.zeros(series_count, np.int64)
    size = 0
    for place in range(series_ids.size):
        series = series_ids[place]
        day = event_times_ms[place] // day_ms
        if counts[series] and current[series] != day:
            ids[size], days[size], runs[size] = series, current[series], counts[series]
            size += 1
            counts[series] = 0
        current[series] = day
        counts[series] += 1
    for series in range(series_count):
        if counts[series]:
            ids[size], days[size], runs[size] = series, current[series], counts[series]
            size += 1
    return ids[:size], days[:size], runs[:size]
