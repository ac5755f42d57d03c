"""Finds the required offsets: the first Kafka offset of each partition that a day is computed from, for many days.

Which blocks are then read is planned in `batch.windows.day_plan`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from batch.log.offsets import OffsetRange
from batch.store.database import Connection
from batch.windows.lookback import longest_ms, most_events
from clients.statements import load_statements
from sma.averages import Averages
from sma.durations import DAY_MS

RequiredOffsets = Mapping[int, int]  # partition -> first Kafka offset; only where an event is required

_SQL = load_statements(__file__)


def required_offsets(connection: Connection, averages: Averages, days: Sequence[date]) -> dict[date, RequiredOffsets]:
    """Return the required offsets of each day; a day without any is left out."""
    bound = {
        "days": list(days),
        "lookback_days": -(-longest_ms(averages.averages) // DAY_MS),
        "window_events": most_events(averages.averages),
    }
    required: dict[date, dict[int, int]] = {}
    for day, partition, first_offset in connection.execute(_SQL["read_required_offsets"], bound):
        required.setdefault(day, {})[partition] = first_offset
    return dict(required)


def is_gone(required: RequiredOffsets, retained: Mapping[int, OffsetRange]) -> bool:
    """Tell whether Kafka has dropped records that are required."""
    return any(offset < retained[partition].start for partition, offset in required.items() if partition in retained)
