"""Finds the events of one series that one window can hold, newest first, reading no more of the log than necessary.

Indexed blocks are read in descending order of their max event time; late events come from the index. The tail of the
log, which is not indexed yet, is read whole. Its events are classified by the rule of lateness: an event is late iff it
is older than the max event time of its series before it in the log, less `allowed_lateness`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray

from batch.explain.series_index import IndexedSeries
from batch.index.blocks import joined_ranges
from batch.log.limits import WORK_LIMITS
from batch.log.offsets import OffsetRange
from batch.log.reader import Chunk
from batch.log.series_table import SeriesTable
from batch.windows.window_events import SeriesEvent
from sma.averages import Average
from sma.lateness import is_late
from sma.limits import EARLIEST_EVENT_TIME_MS
from sma.origin import EVERYTHING_MS
from sma.window import DurationWindow

FIRST_BLOCKS = 16  # first read of a window of N events; each further read takes twice as many

Read = Callable[[int, int, int, SeriesTable], Iterator[Chunk]]
"""(partition, start, end, series) -> the records at start <= Kafka offset < end: `batch.log.reader.read_partition`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a series to find: those in a time range, or the last N before a time that are not late.

    enough_before: the row of a layer may depend on the log only up to this Kafka offset, so the N events are counted
        before it.
    """

    customer: str
    metric: str
    from_ms: int
    until_ms: int
    event_count: int | None
    enough_before: int | None = None

    @classmethod
    def of(cls, average: Average, as_of_ms: int, customer: str, metric: str) -> "Wanted":
        """Return what the window of an average before `as_of_ms` can hold."""
        if isinstance(average.window, DurationWindow):
            return cls(customer, metric, as_of_ms - average.window.duration_ms, as_of_ms, None)
        return cls(customer, metric, EARLIEST_EVENT_TIME_MS, as_of_ms, average.window.event_count)


@dataclass(frozen=True, slots=True)
class PartitionEvents:
    """What one partition holds of the series.

    events: in any order; if `lost`, only those in the index and the tail.
    lost: the required Kafka offsets, first and last, that Kafka no longer has; None where it has all.
    max_log_time_ms: the newest time of an event or heartbeat of the partition, its tail included.
    records_end: one past the last record of the partition.
    has_series: whether the series has an event of any time.
    unindexed: how many Kafka offsets the tail has.
    """

    events: tuple[SeriesEvent, ...]
    lost: tuple[int, int] | None
    max_log_time_ms: int | None
    records_end: int
    has_series: bool
    unindexed: int
    offsets_read: int


def find_events(
    wanted: Wanted, series: IndexedSeries, retained: OffsetRange, allowed_lateness_ms: int, read: Read
) -> PartitionEvents:
    """Return the events of a series in one partition.

    Args:
        wanted: which.
        series: what the index holds.
        retained: what Kafka retains, to the log's end.
        allowed_lateness_ms: by which the index was made.
        read: reads the log.
    """
    tail = _read_tail(wanted, series, retained, allowed_lateness_ms, read)
    blocks, late = series.blocks, {event.kafka_offset for event in series.late}
    events: dict[int, SeriesEvent] = {}
    lost = (series.next_offset, retained.start - 1) if series.next_offset < retained.start else None
    newest_first = np.argsort(-blocks[3], kind="stable")
    done, at_once, offsets_read = 0, FIRST_BLOCKS, tail.offsets_read
    while lost is None and done < newest_first.size:
        if _is_enough(wanted, events, tail.events, late, int(blocks[3, newest_first[done]])):
            break
        chosen = np.sort(newest_first[done:][: at_once if wanted.event_count is not None else None])
        lost = _lost(blocks[:, chosen], retained)
        ranges = joined_ranges(blocks[:, chosen], WORK_LIMITS.bridged_offsets)
        for start, end in ranges if lost is None else ():
            offsets_read += end - start
            events |= {
                event.kafka_offset: event for event in _events_of(wanted, series.kafka_partition, start, end, read)
            }
        done += chosen.size
        at_once *= 2
    in_time = [event for event in events.values() if event.kafka_offset not in late]
    if lost is None and not _is_known(wanted, series, [*in_time, *series.late, *tail.events]):
        lost = (0, series.origin_offset - 1)
    return PartitionEvents(
        events=(*(in_time if lost is None else ()), *series.late, *tail.events),
        lost=lost,
        max_log_time_ms=max(
            (time for time in (series.partition_max_log_time_ms, tail.max_log_time_ms) if time is not None),
            default=None,
        ),
        records_end=tail.records_end,
        has_series=series.max_log_time_ms is not None or tail.has_series,
        unindexed=tail.offsets_read,
        offsets_read=offsets_read,
    )


def _is_known(wanted: Wanted, series: IndexedSeries, events: Sequence[SeriesEvent]) -> bool:
    """Tell whether the window can hold no event from before those of the series that are known."""
    if wanted.event_count is None:
        return wanted.from_ms >= series.known_from_ms
    known = sum(event.event_time_ms >= series.known_from_ms for event in events)
    return series.known_from_ms == EVERYTHING_MS or known >= wanted.event_count


@dataclass(slots=True)
class _Tail:
    events: list[SeriesEvent]
    max_log_time_ms: int | None
    records_end: int
    has_series: bool
    offsets_read: int


def _read_tail(
    wanted: Wanted, indexed: IndexedSeries, retained: OffsetRange, allowed_lateness_ms: int, read: Read
) -> _Tail:
    start = max(indexed.next_offset, retained.start)
    tail = _Tail([], None, indexed.next_offset, False, max(retained.end - start, 0))
    max_log_time_ms = indexed.max_log_time_ms
    table = SeriesTable()
    number = table.number(wanted.customer, wanted.metric)
    for chunk in read(indexed.kafka_partition, start, retained.end, table) if start < retained.end else ():
        for offsets in (chunk.kafka_offsets, chunk.heartbeat_offsets, chunk.rejected_offsets):
            if offsets.size:
                tail.records_end = max(tail.records_end, int(offsets[-1]) + 1)
        for times_ms in (chunk.log_times_ms, chunk.heartbeat_times_ms):
            if times_ms.size:
                tail.max_log_time_ms = max(int(times_ms.max()), tail.max_log_time_ms or int(times_ms.max()))
        for offset, time_ms, log_time_ms, value_micros in _rows(chunk, chunk.series_ids == number):
            late = max_log_time_ms is not None and is_late(time_ms, max_log_time_ms, allowed_lateness_ms)
            if wanted.from_ms <= time_ms < wanted.until_ms:
                newest_before_ms = max_log_time_ms if late else None
                tail.events.append(
                    SeriesEvent(indexed.kafka_partition, offset, time_ms, value_micros, newest_before_ms)
                )
            max_log_time_ms = log_time_ms if max_log_time_ms is None else max(max_log_time_ms, log_time_ms)
            tail.has_series = True
    return tail


def _is_enough(
    wanted: Wanted,
    events: dict[int, SeriesEvent],
    tail: list[SeriesEvent],
    late: set[int],
    unread_ms: int,
) -> bool:
    """Tell whether no event at or before `unread_ms` can be one of the last N, since N are newer."""
    if wanted.event_count is None:
        return False
    before = wanted.enough_before
    times_ms = [
        event.event_time_ms
        for event in (*events.values(), *tail)
        if not event.is_late and event.kafka_offset not in late and (before is None or event.kafka_offset < before)
    ]
    last = nlargest(wanted.event_count, times_ms)
    return len(last) == wanted.event_count and last[-1] > unread_ms


def _events_of(wanted: Wanted, partition: int, start: int, end: int, read: Read) -> Iterator[SeriesEvent]:
    """Yield the series' events in a range of Kafka offsets, late ones included."""
    table = SeriesTable()
    number = table.number(wanted.customer, wanted.metric)
    for chunk in read(partition, start, end, table):
        times_ms = chunk.event_times_ms
        is_wanted = (chunk.series_ids == number) & (times_ms >= wanted.from_ms) & (times_ms < wanted.until_ms)
        for offset, time_ms, _, value_micros in _rows(chunk, is_wanted):
            yield SeriesEvent(partition, offset, time_ms, value_micros)


def _rows(chunk: Chunk, is_wanted: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    columns = (chunk.kafka_offsets, chunk.event_times_ms, chunk.log_times_ms, chunk.values_micros)
    return zip(*(column[is_wanted].tolist() for column in columns), strict=True)


def _lost(blocks: NDArray[np.int64], retained: OffsetRange) -> tuple[int, int] | None:
    gone = blocks[0][blocks[0] < retained.start]
    return (int(gone.min()), retained.start - 1) if gone.size else None
