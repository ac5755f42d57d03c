"""Estimates what averages cost: rows, the stream's state and the database, for series that send at an even rate."""

from dataclasses import dataclass

from sma.averages import Average, Averages
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow

EVENT_STATE_BYTES = 32
"""Of an event in the stream's state: its time, two halves of a sum, a Kafka offset (EventBuffer.java)."""

ROW_BYTES = 240
"""Of a row of one layer in the database, its index included; a test measures it."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a series costs: rows a day of each average, by name; bytes of state; bytes a day in the database."""

    rows_a_day: dict[str, int]
    state_bytes: int
    database_bytes_a_day: int


def footprint(averages: Averages, interval_ms: int) -> Footprint:
    """Return the footprint of a series that has an event every `interval_ms`; both layers store each row."""
    rows_a_day = {average.name: _rows_a_day(average, interval_ms) for average in averages.averages}
    return Footprint(
        rows_a_day,
        EVENT_STATE_BYTES * _events_kept(averages, interval_ms),
        2 * ROW_BYTES * sum(rows_a_day.values()),
    )


def _rows_a_day(average: Average, interval_ms: int) -> int:
    """At each grid point where the series has an event in the window, or in the last `every` of a count window."""
    if interval_ms <= average.length_ms:
        return DAY_MS // average.every_ms
    return DAY_MS * average.rows_per_event // interval_ms


def _events_kept(averages: Averages, interval_ms: int) -> int:
    """Those of the longest window before the oldest event that may still arrive in time, and of the largest count."""
    windows = [average.window for average in averages.averages]
    longest_ms = max((window.duration_ms for window in windows if isinstance(window, DurationWindow)), default=0)
    largest_count = max((window.event_count for window in windows if isinstance(window, CountWindow)), default=0)
    allowed_ms = averages.allowed_lateness_ms
    return max(-(-(longest_ms + allowed_ms) // interval_ms), largest_count - (-allowed_ms // interval_ms))
