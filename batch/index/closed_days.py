"""Computes the low watermark: which windows are closed, and which partitions hold the others back."""

from batch.index.log_index import IndexedPartition, LogIndex
from sma.errors import SmaError
from sma.limits import EARLIEST_EVENT_TIME_MS


def low_watermark_ms(index: LogIndex, watermark_delay_ms: int) -> int:
    """Return the last instant that can be an `as_of` of a closed window.

    The watermark is the lowest of the partitions' max log times, less the delay, as in Flink; a window is closed once
    the watermark reaches its last millisecond, `as_of` - 1. Later windows are left to the stream.
    What was closed once stays closed, as in the stream, whatever the delay is now. Up to the earliest event time no
    window holds an event, so it is never before that.

    Raises:
        SmaError: a partition has neither an event nor a heartbeat, so no watermark exists and nothing is closed.
    """
    max_times_ms = []
    for partition in index.partitions:
        if partition.max_log_time_ms is None:
            raise SmaError(
                f"partition {partition.kafka_partition} of the log holds no event and no heartbeat, so no window is "
                "closed: publish heartbeats, e.g. with `sma produce --close`"
            )
        max_times_ms.append(partition.max_log_time_ms)
    closed_ms = max(min(max_times_ms) - watermark_delay_ms + 1, EARLIEST_EVENT_TIME_MS)
    return closed_ms if index.settled_ms is None else max(closed_ms, index.settled_ms)


def holding_back(index: LogIndex, watermark_delay_ms: int, as_of_ms: int) -> tuple[IndexedPartition, ...]:
    """Return the partitions whose watermark has not passed the window before `as_of_ms`; none once it is closed."""
    if index.settled_ms is not None and index.settled_ms >= as_of_ms:
        return ()
    return tuple(
        partition
        for partition in index.partitions
        if partition.max_log_time_ms is None or partition.max_log_time_ms - watermark_delay_ms + 1 < as_of_ms
    )
