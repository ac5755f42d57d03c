"""Selects the days to reconcile: those whose closed windows have no batch result, or one that is not up to date.

A day is stale for an average if it has no result; if more of its windows have closed; if the log has gained an event
that changes it; or if its result was not reconciled since it was written. All of this is read from the database: the
offset index describes the log. Whether Kafka still has the events of a day is decided in
`batch.schedule.required_offsets`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from batch.index.closed_days import closed_ms, has_watermark, low_watermark_ms
from batch.index.log_index import read_index
from batch.results.retention import first_day_kept
from batch.schedule.owner_days import owner_days_of
from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Average, Averages
from sma.settings import BatchSettings
from sma.window import CountWindow

NO_RESULT = "no batch result"
MORE_IS_CLOSED = "more is closed"
MORE_IN_THE_LOG = "more in the log"
NOT_RECONCILED = "not reconciled"
OTHER_RULES = "other rules"

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A day to reconcile, why, and since when late events wait for it; None where none do."""

    day: date
    reasons: frozenset[str]
    late_since: datetime | None


def days_to_reconcile(
    connection: Connection, settings: BatchSettings, averages: Averages, today: date
) -> list[StaleDay]:
    """Return the stale days from `first_day` on whose rows are kept, oldest first; `today` is the day in UTC."""
    first = date.fromisoformat(settings.first_day)
    return [stale for stale in kept_stale_days(connection, settings, averages, today) if stale.day >= first]


def kept_stale_days(connection: Connection, settings: BatchSettings, averages: Averages, today: date) -> list[StaleDay]:
    """Return the stale days whose rows are kept, oldest first; `today` is the day in UTC."""
    first = first_day_kept(settings.keep_days, today) or date.min
    return [stale for stale in stale_days(connection, averages) if stale.day >= first]


def stale_days(connection: Connection, averages: Averages) -> list[StaleDay]:
    """Return all days that own closed rows and are stale for an average, oldest first.

    There are none while the log has neither an event nor a heartbeat: no watermark exists, and nothing is closed.
    """
    index = read_index(connection)
    if not has_watermark(index):
        return []
    low_watermark = low_watermark_ms(index, averages.watermark_delay_ms)
    closed = {each.kafka_partition: closed_ms(each, averages.watermark_delay_ms) for each in index.partitions}
    stale: dict[date, list[StaleDay]] = {}
    for average in averages.averages:
        bound = {
            **_parameters(average, low_watermark, averages.max_ahead_ms),
            "owner_days": owner_days_of(connection, average, low_watermark),
            "closed_ms": Jsonb(closed),
        }
        for row in connection.execute(_SQL["read_stale_days"], bound):
            stale.setdefault(row[0], []).append(_stale_day(row))
    return [_merged(of_day) for _, of_day in sorted(stale.items())]


def _parameters(average: Average, low_watermark_ms: int, max_ahead_ms: int) -> dict[str, object]:
    window = average.window
    return {
        "average": average.name,
        "low_watermark_ms": low_watermark_ms,
        "max_ahead_ms": max_ahead_ms,
        "every_ms": average.every_ms,
        "offset_ms": average.offset_ms,
        "length_ms": average.length_ms,
        "window_events": window.event_count if isinstance(window, CountWindow) else 0,
    }


def _stale_day(row: Sequence[Any]) -> StaleDay:
    day, *why, late_since = row
    names = (NO_RESULT, MORE_IS_CLOSED, MORE_IN_THE_LOG, NOT_RECONCILED, OTHER_RULES)
    return StaleDay(
        day=day,
        reasons=frozenset(name for name, is_true in zip(names, why, strict=True) if is_true),
        late_since=late_since,
    )


def _merged(of_day: Sequence[StaleDay]) -> StaleDay:
    """Combine the averages of one day."""
    waiting = [stale.late_since for stale in of_day if stale.late_since is not None]
    reasons = frozenset().union(*(stale.reasons for stale in of_day))
    return StaleDay(of_day[0].day, reasons, min(waiting, default=None))
