"""Reads the backlog: the stale days, the required offsets of each, and the ranges that Kafka retains.

Which days are stale is decided in `batch.schedule.stale_days`; when they run, by the sensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from batch.log.offsets import OffsetRange, retained_ranges
from batch.schedule.required_offsets import RequiredOffsets, is_gone, required_offsets
from batch.schedule.stale_days import StaleDay, kept_stale_days
from batch.store.read_only import read_only_session
from sma.averages import Averages
from sma.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Backlog:
    """The stale days that are kept, oldest first; `required` has no day that requires no offset.

    `retained` is by partition.
    """

    stale: Sequence[StaleDay]
    required: Mapping[date, RequiredOffsets]
    retained: Mapping[int, OffsetRange]

    def reconcilable(self, first: date, last: date) -> list[StaleDay]:
        """Return the stale days from the first to the last, both included, whose events Kafka still has."""
        return [
            each
            for each in self.stale
            if first <= each.day <= last and not is_gone(self.required.get(each.day, {}), self.retained)
        ]

    def outside(self, first: date, last: date) -> list[date]:
        """Return the stale days before the first or after the last: nobody reconciles them."""
        return [each.day for each in self.stale if not first <= each.day <= last]


def read_backlog(settings: BatchSettings, averages: Averages, today: date) -> Backlog:
    """Read the backlog of the kept days; Kafka is asked only where a day is stale.

    Args:
        settings: where Kafka and the database are.
        averages: that the days are reconciled for.
        today: in UTC.

    Raises:
        SmaError: Kafka or the database does not answer.
    """
    with read_only_session(settings) as connection:
        stale = kept_stale_days(connection, settings, averages, today)
        required = required_offsets(connection, averages, [each.day for each in stale])
    return Backlog(stale, required, retained_ranges(settings, settings.events_topic) if stale else {})
