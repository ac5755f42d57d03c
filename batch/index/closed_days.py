"""Computes what is closed: in each partition, and in all of them (the low watermark); and what holds the others back.

A window is closed in a partition once the partition's watermark reaches its last millisecond, `as_of` - 1. A partition
without an event or heartbeat holds no window back, since nothing of it can be missing.
"""

from batch.index.log_index import IndexedPartition, LogIndex
from batch.store.database import Connection
from clients.statements import load_statements
from sma.errors import SmaError
from sma.limits import EARLIEST_EVENT_TIME_MS

_SQL = load_statements(__file__)


def closed_ms(partition: IndexedPartition, watermark_delay_ms: int) -> int | None:
    """Return the last instant that can be an `as_of` of a closed window of the partition; None without a watermark.

    The watermark is the partition's max log time less the delay, as in Flink. What was closed once stays closed, as in
    the stream, whatever the delay is now. Up to the earliest event time no window holds an event, so it is never before
    that.
    """
    if partition.max_log_time_ms is None:
        return None
    own_ms = max(partition.max_log_time_ms - watermark_delay_ms + 1, EARLIEST_EVENT_TIME_MS)
    return own_ms if partition.settled_ms is None else max(own_ms, partition.settled_ms)


def has_watermark(index: LogIndex) -> bool:
    """Tell whether the log has an event or heartbeat at all; without one, nothing is closed."""
    return any(partition.max_log_time_ms is not None for partition in index.partitions)


def low_watermark_ms(index: LogIndex, watermark_delay_ms: int) -> int:
    """Return the last instant that can be an `as_of` of a window that is closed in all partitions.

    Later windows are left to the stream. What was closed once stays closed: a partition that was empty then, and has
    got older events since, is one of those that lag (`lagging`).

    Raises:
        SmaError: the log has neither an event nor a heartbeat, so no watermark exists and nothing is closed.
    """
    closed = [each for each in _closed_by_partition(index, watermark_delay_ms).values() if each is not None]
    if not closed:
        raise SmaError(
            "no partition of the log holds an event or a heartbeat, so no window is closed: publish events, e.g. with "
            "`sma produce`"
        )
    return min(closed) if index.settled_ms is None else max(min(closed), index.settled_ms)


def lagging(index: LogIndex, watermark_delay_ms: int) -> dict[int, int]:
    """Return the partitions in which fewer windows are closed than up to the low watermark: partition -> `closed_ms`.

    Rows of their series are computed up to there only: the stream has emitted no others.

    Raises:
        SmaError: as `low_watermark_ms`.
    """
    low_ms = low_watermark_ms(index, watermark_delay_ms)
    closed = _closed_by_partition(index, watermark_delay_ms)
    return {number: each for number, each in closed.items() if each is not None and each < low_ms}


def holding_back(index: LogIndex, watermark_delay_ms: int, as_of_ms: int) -> tuple[IndexedPartition, ...]:
    """Return the partitions in which the window before `as_of_ms` is not closed yet, though they have a watermark."""
    closed = _closed_by_partition(index, watermark_delay_ms)
    by_number = {partition.kafka_partition: partition for partition in index.partitions}
    return tuple(by_number[number] for number, each in closed.items() if each is not None and each < as_of_ms)


def settle(connection: Connection, index: LogIndex, watermark_delay_ms: int) -> None:
    """Record what is closed in each partition, before a batch result of it is stored; it never goes back."""
    closed = {
        number: each for number, each in _closed_by_partition(index, watermark_delay_ms).items() if each is not None
    }
    bound = {"partitions": list(closed), "closed_ms": list(closed.values())}
    with connection.transaction():
        connection.execute(_SQL["settle"], bound)


def _closed_by_partition(index: LogIndex, watermark_delay_ms: int) -> dict[int, int | None]:
    return {each.kafka_partition: closed_ms(each, watermark_delay_ms) for each in index.partitions}
