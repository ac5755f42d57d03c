"""Computes the low watermark, and the days that own closed windows."""

from datetime import date

from batch.index.log_index import LogIndex
from sma.averages import Averages
from sma.days import day_of
from sma.errors import SmaError
from sma.grid import grid_point_at_or_before


def low_watermark_ms(index: LogIndex, watermark_delay_ms: int) -> int:
    """Return the last instant that can be an `as_of` of a closed window.

    The watermark is the lowest of the partitions' max log times, less the delay, as in Flink; a window is closed once
    the watermark reaches its last millisecond, `as_of` - 1. Later windows are left to the stream.
    What was closed once stays closed, as in the stream, whatever the delay is now.

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
    closed_ms = min(max_times_ms) - watermark_delay_ms + 1
    return closed_ms if index.settled_ms is None else max(closed_ms, index.settled_ms)


def touched_days(
    min_event_time_ms: int, max_event_time_ms: int, averages: Averages, low_watermark: int
) -> tuple[date, date] | None:
    """Return the first and the last day that can own a row of a closed window; None where there is none."""
    first = min(average.as_ofs_made_by(min_event_time_ms)[0] for average in averages.averages)
    last = max(_last_closed(average.as_ofs_made_by(max_event_time_ms), low_watermark) for average in averages.averages)
    return (day_of(first), day_of(last)) if first <= min(last, low_watermark) else None


def _last_closed(as_ofs: range, low_watermark: int) -> int:
    every_ms = as_ofs.step
    return min(as_ofs[-1], grid_point_at_or_before(low_watermark, every_ms))
