"""Checks that Kafka retains the records that are not indexed yet, and those that the days to reconcile require.

The days are selected in `batch.schedule.stale_days`, their offsets in `batch.schedule.required_offsets`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from batch.checks.finding import Finding
from batch.index.log_index import first_offsets, read_read_to
from batch.log.offsets import OffsetRange, retained_ranges
from batch.log.record_sizes import Retention, first_records, read_retention, record_bytes
from batch.schedule.required_offsets import RequiredOffsets, is_gone, required_offsets
from batch.schedule.stale_days import days_to_reconcile
from batch.store.database import Connection
from batch.store.read_only import read_only_session
from clients.statements import load_statements
from sma.averages import Averages
from sma.settings import BatchSettings

SECONDS_BETWEEN_CHECKS = 15 * 60
WARN_AT_TIMES = 2

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Margin:
    """How long the required records of one partition will be retained: the figures that decide it.

    `records_per_second` None: not known yet. `age_s` is that of the first of them, by its timestamp; None: not read.
    """

    required_from: int
    retained: OffsetRange
    retention: Retention
    record_bytes: float
    records_per_second: float | None
    age_s: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """After how long the first of them is dropped, at the present pace; None where that is unknown or never."""
        left = [seconds for seconds in (self._until_too_many(), self._until_too_old()) if seconds is not None]
        return min(left, default=None)

    def _until_too_many(self) -> float | None:
        if self.retention.max_bytes < 0 or not self.records_per_second:
            return None
        spare_bytes = self.retention.max_bytes - (self.retained.end - self.required_from) * self.record_bytes
        return max(spare_bytes, 0.0) / (self.records_per_second * self.record_bytes)

    def _until_too_old(self) -> float | None:
        if self.retention.max_age_ms < 0 or self.age_s is None:
            return None
        return max(self.retention.max_age_ms / 1_000 - self.age_s, 0.0)


def days_are_retained(settings: BatchSettings, averages: Averages, today: date) -> Finding:
    """Tell whether Kafka retains the required records for twice the time that reconciling takes.

    Required are the records that are not indexed yet, and those of the days to reconcile.

    Args:
        settings: where Kafka and the database are.
        averages: that the days are reconciled for.
        today: in UTC.

    Raises:
        SmaError: Kafka or the database does not answer.
    """
    retained = retained_ranges(settings, settings.events_topic)
    with read_only_session(settings) as connection:
        begins = first_offsets(connection, retained, read_read_to(connection))
        days = [stale.day for stale in days_to_reconcile(connection, settings, averages, today)]
        required = required_offsets(connection, averages, days)
        pace = _records_per_second(connection, retained)
        seconds_per_day = _seconds_per_day(connection)
    unindexed = {partition: start for partition, start in begins.items() if start < retained[partition].end}
    if is_gone(unindexed, retained):
        figures = {"days_to_reconcile": len(days), "days_lost": max(1, len(days))}
        return Finding(
            False, "Kafka has dropped records before they were indexed: no day is known to be complete", figures
        )
    lost = [day for day in days if is_gone(required.get(day, {}), retained)]
    required_from = _earliest([unindexed, *(offsets for day, offsets in required.items() if day not in lost)])
    margins = _margins(settings, required_from, retained, pace)
    return check_margins(len(days), lost, margins, SECONDS_BETWEEN_CHECKS + (len(days) - len(lost)) * seconds_per_day)


def _margins(
    settings: BatchSettings,
    required_from: RequiredOffsets,
    retained: Mapping[int, OffsetRange],
    pace: Mapping[int, float],
) -> dict[int, Margin]:
    required = {partition: offset for partition, offset in required_from.items() if partition in retained}
    retention = read_retention(settings)
    each_bytes = record_bytes(settings, retained) if retention.max_bytes >= 0 and required else 0.0
    oldest = first_records(settings, required) if retention.max_age_ms >= 0 and required else {}
    now_ms = time.time() * 1_000
    ages_s = {partition: (now_ms - record.timestamp_ms) / 1_000 for partition, record in oldest.items()}
    return {
        partition: Margin(
            offset, retained[partition], retention, each_bytes, pace.get(partition), ages_s.get(partition)
        )
        for partition, offset in required.items()
    }


def check_margins(
    day_count: int, lost: Sequence[date], margins: Mapping[int, Margin], required_seconds: float
) -> Finding:
    """Check the margins of the partitions: lost days are an error, too little time is a warning."""
    left = {partition: margin.seconds_left for partition, margin in margins.items()}
    shortest = min((seconds for seconds in left.values() if seconds is not None), default=None)
    figures: dict[str, int | float | str] = {
        "days_to_reconcile": day_count,
        "days_lost": len(lost),
        "seconds_needed": round(required_seconds),
    }
    if shortest is not None:
        figures["seconds_left"] = round(shortest)
    if lost:
        return Finding(
            False,
            f"Kafka has dropped records that {len(lost)} days to reconcile need, the first {lost[0]}: their "
            "stored results stay; raise retention.ms or retention.bytes of the topic of events",
            figures,
        )
    if shortest is not None and shortest < WARN_AT_TIMES * required_seconds:
        return Finding(
            False,
            f"Kafka drops records that days to reconcile need in {shortest:,.0f} s, and reconciling them takes "
            f"{required_seconds:,.0f} s: raise retention.ms or retention.bytes of the topic of events, or see why they "
            "are not reconciled",
            figures,
            is_error=False,
        )
    return Finding(True, f"Kafka has all that {day_count} days to reconcile need", figures)


def _earliest(offsets_by_day: Sequence[RequiredOffsets]) -> dict[int, int]:
    first: dict[int, int] = {}
    for required in offsets_by_day:
        for partition, offset in required.items():
            first[partition] = min(offset, first.get(partition, offset))
    return first


def _records_per_second(connection: Connection, retained: Mapping[int, OffsetRange]) -> dict[int, float]:
    row = connection.execute(_SQL["read_pace"]).fetchone()
    if row is None:
        return {}
    read_to, seconds = row
    return {
        int(partition): max(retained[int(partition)].end - offset, 0) / max(seconds, 1.0)
        for partition, offset in read_to.items()
        if int(partition) in retained
    }


def _seconds_per_day(connection: Connection) -> float:
    row = connection.execute(_SQL["read_seconds_per_day"]).fetchone()
    return float(row[0]) if row else 0.0
