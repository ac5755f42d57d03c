"""From which Kafka offset on must the log be there, for days to be computed? The offset index tells, for many at once.

What is read of it, block by block, is planned in `day_plan`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from batch.database import Connection
from batch.kafka import OffsetRange
from sma.averages import Averages
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow

NeededOffsets = Mapping[int, int]  # partition -> first Kafka offset; only where something is needed

_NEEDED = Path(__file__).with_name("needed_offsets.sql").read_text()


def needed_offsets(connection: Connection, averages: Averages, days: Sequence[date]) -> dict[date, NeededOffsets]:
    """Return what each day needs; a day that needs nothing is left out."""
    windows = [average.window for average in averages.averages]
    durations_ms = [window.duration_ms for window in windows if isinstance(window, DurationWindow)]
    reach_ms = max(*durations_ms, *(average.every_ms for average in averages.averages), 0)
    bound = {
        "days": list(days),
        "reach_days": -(-reach_ms // DAY_MS),
        "window_events": max((window.event_count for window in windows if isinstance(window, CountWindow)), default=0),
    }
    found: dict[date, dict[int, int]] = {}
    for day, partition, first_offset in connection.execute(_NEEDED.encode(), bound):
        found.setdefault(day, {})[partition] = first_offset
    return dict(found)


def is_gone(needed: NeededOffsets, held: Mapping[int, OffsetRange]) -> bool:
    """Tell whether Kafka has dropped records that are needed."""
    return any(offset < held[partition].start for partition, offset in needed.items() if partition in held)
