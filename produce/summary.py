"""Sums up the events of a file before they are published: how many, from when to when, how many would be late.

Late is the rule of `sma.lateness`, for a log that has nothing else of these series. Nothing here reads a file.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from produce.csv_file import FileEvents
from produce.digits import Ints
from produce.layout import Layout
from produce.time_format import EPOCH_BY_DIGITS, EPOCH_SHIFTS
from sma.averages import Averages
from sma.durations import DAY_MS, format_duration
from sma.instants import format_instant
from sma.lateness import NO_EVENT_MS, is_late
from sma.limits import VALUE_SCALE

_JANUARY_1970_MS = 31 * DAY_MS


@dataclass(frozen=True, slots=True)
class Summary:
    """Checked events in the order in which they are published; times in milliseconds since the Unix epoch, UTC.

    back_ms: how far an event is behind the max event time of its series before it, at most.
    late: how many events would be late.
    ahead: how many are further ahead of the clock than `max_ahead`.
    missing, rounded: as in `FileEvents`.
    """

    events: int
    oldest_event_time_ms: int
    newest_event_time_ms: int
    back_ms: int
    late: int
    ahead: int
    missing: int
    rounded: int
    is_sorted: bool


def summarize(events: FileEvents, averages: Averages, now_ms: int) -> Summary:
    """Read the events of a file in their order.

    Args:
        events: at least one.
        averages: `allowed_lateness` and `max_ahead`.
        now_ms: the clock; an event counts as of its event time, or of now where that is earlier.
    """
    max_log_times_ms = np.empty(0, np.int64)  # by series
    count = back_ms = late = ahead = 0
    oldest: list[int] = []
    newest: list[int] = []
    for frame in events.spool.frames():
        series, times_ms = frame["series"].to_numpy(), frame["event_time_ms"].to_numpy()
        is_ahead = times_ms > now_ms + averages.max_ahead_ms
        log_times_ms = np.where(is_ahead, NO_EVENT_MS, np.minimum(times_ms, now_ms))  # it will be rejected
        new = np.full(max(int(series.max()) + 1 - len(max_log_times_ms), 0), NO_EVENT_MS, np.int64)
        max_log_times_ms = np.concatenate((max_log_times_ms, new))
        before_ms = _max_before(series, log_times_ms, max_log_times_ms)
        is_after_one = (before_ms != NO_EVENT_MS) & ~is_ahead
        count += len(times_ms)
        back_ms = max(back_ms, int((before_ms - times_ms)[is_after_one].max(initial=0)))
        late += int((is_late(times_ms, before_ms, averages.allowed_lateness_ms) & is_after_one).sum())
        ahead += int(is_ahead.sum())
        oldest.append(int(times_ms.min()))
        newest.append(int(times_ms.max()))
    return Summary(
        events=count,
        oldest_event_time_ms=min(oldest),
        newest_event_time_ms=max(newest),
        back_ms=back_ms,
        late=late,
        ahead=ahead,
        missing=events.missing,
        rounded=events.rounded,
        is_sorted=events.is_sorted,
    )


def in_words(summary: Summary, averages: Averages, layout: Layout) -> list[str]:
    """Return what to say before the events are published, and what may be wrong with them; a line each."""
    oldest, newest = (format_instant(at) for at in (summary.oldest_event_time_ms, summary.newest_event_time_ms))
    back = f"go back by {timedelta(milliseconds=summary.back_ms)} at most" if summary.back_ms else "never go back"
    events = "1 event" if summary.events == 1 else f"{summary.events:,} events"
    lines = [f"{events} from {oldest} to {newest}; within a series they {back}"]
    if summary.late:
        lateness = format_duration(averages.allowed_lateness_ms) if averages.allowed_lateness_ms else "0"
        lines.append(
            f"{summary.late:,} of them will be late, more than allowed_lateness ({lateness}) behind their series: "
            "--sort publishes them in the order of their event times"
        )
    if summary.ahead:
        lines.append(
            f"{summary.ahead:,} of them will be rejected, more than max_ahead "
            f"({format_duration(averages.max_ahead_ms)}) ahead of the clock"
        )
    if summary.rounded:
        lines.append(f"values that lose digits when they are rounded to {VALUE_SCALE} decimals: {summary.rounded:,}")
    if summary.oldest_event_time_ms >= 0 and summary.newest_event_time_ms < _JANUARY_1970_MS:
        lines.append(f"all events are in January 1970: the unit of the times may be wrong{_unit_hint(summary, layout)}")
    return lines


def close_in_words(heartbeat_ms: int, now_ms: int) -> str | None:
    """Return what to say of closing heartbeats that are later than the clock; None where they are not.

    A heartbeat counts as of its record's timestamp at most.
    """
    if heartbeat_ms <= now_ms:
        return None
    at = format_instant(heartbeat_ms)
    return f"the last windows close only as time passes: the heartbeat that closes them all is {at}, later than now"


def _unit_hint(summary: Summary, layout: Layout) -> str:
    """Return the format that the times would have between 2001 and 2286, by their digits."""
    if layout.time_format not in EPOCH_SHIFTS:
        return ": see --time-format"
    digits = len(str(summary.newest_event_time_ms)) - EPOCH_SHIFTS[layout.time_format]
    likely = EPOCH_BY_DIGITS.get(digits)
    return f": try --time-format {likely}" if likely else ": see --time-format"


def _max_before(series: NDArray[np.uint32], log_times_ms: Ints, max_log_times_ms: Ints) -> Ints:
    """Return the max log time of each event's series before it, and bring the ones by series up to date."""
    running = pl.DataFrame({"series": series, "time": log_times_ms}).with_columns(
        pl.col("time").cum_max().over("series")
    )
    before = running.select(pl.col("time").shift(1, fill_value=NO_EVENT_MS).over("series"))
    max_before = np.maximum(before["time"].to_numpy(), max_log_times_ms[series])
    np.maximum.at(max_log_times_ms, series, log_times_ms)
    return max_before
