"""Finds the first Kafka offset of each partition that days need in order to be computed, for many days at once.

Which blocks are then read is planned in `batch.windows.day_plan`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from batch.log.offsets import OffsetRange
from batch.store.database import Connection
from batch.store.statements import load_statements
from batch.windows.lookback import longest_ms, most_events
from sma.averages import Averages
from sma.durations import DAY_MS

RequiredOffsets = Mapping[int, int]  # partition -> first Kafka offset; only where something is needed

_SQL = load_statements(__file__)


def required_offsets(connection: Connection, averages: Averages, days: Sequence[date]) -> dict[date, RequiredOffsets]:
    """Return what each day needs; a day that needs nothing is left out."""
    bound = {
        "days": list(days),
        "reach_days": -(-longest_ms(averages.averages) // DAY_MS),
        "window_events": most_events(averages.averages),
    }
    found: dict[date, dict[int, int]] = {}
    for day, partition, first_offset in connection.execute(_SQL["read_required_offsets"], bound):
        found.setdefault(day, {})[partition] = first_offset
    return dict(found)


def is_gone(needed: RequiredOffsets, held: Mapping[int, OffsetRange]) -> bool:
    """Tell whether Kafka has dropped records that are needed."""
    return any(offset < held[partition].start for partition, offset in needed.items() if partition in held)
