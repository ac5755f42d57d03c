"""Selects the days to audit: each at least once in a period, those that were not audited for the longest time first.

A day is due once half of the period has passed since its rows were last compared with the log, and the runs of the
other half suffice for all days. So a day that was just computed is left alone, and the cost of a run is bounded.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from batch.results.retention import first_day_kept
from batch.schedule.owner_days import owner_days, result_days
from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Averages
from sma.durations import parse_duration
from sma.settings import ReconciliationSettings

RUN_EVERY_MS = 4 * 3_600_000  # the schedule's

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class DueDays:
    """The kept days with a batch result, and of them those to audit, longest not audited first.

    `overdue` is how many were not audited within the period, `take` how many a run audits.
    """

    settled: int
    due: tuple[date, ...]
    overdue: int
    take: int


def read_due_days(connection: Connection, settings: ReconciliationSettings, averages: Averages, today: date) -> DueDays:
    """Return the days that are due; `today` is the day in UTC."""
    bound = {
        "averages": [average.name for average in averages.averages],
        "first_day": first_day_kept(settings.keep_days, today) or date.min,
    }
    ages_s: dict[date, float] = dict(connection.execute(_SQL["read_last_audits"], bound).fetchall())
    return select_due(ages_s, parse_duration(settings.audit_period) / 1000, settings.audit_most_days)


def days_without_events(connection: Connection, averages: Averages, stored: Collection[date]) -> list[date]:
    """Return those of the days with stored rows that have no result, and that no event of the index makes a row of.

    Args:
        connection: to the database.
        averages: what is computed.
        stored: as `batch.schedule.owner_days.stored_days` returned it before the index was extended to the log's end;
            else the stream may have emitted rows of events that the index does not have yet.
    """
    return sorted(set(stored) - result_days(connection) - owner_days(connection, averages))


def read_standing(connection: Connection) -> list[tuple[date, str]]:
    """Return the days and averages of which the newest audit found rows that cannot be compared: no result is there."""
    return connection.execute(_SQL["read_standing"]).fetchall()


def select_due(ages_s: Mapping[date, float], period_s: float, most_days: int) -> DueDays:
    """Select the days that are due.

    Args:
        ages_s: by day, how long ago it was last audited, in seconds.
        period_s: in which each day is to be audited once.
        most_days: of a run.
    """
    due = sorted((day for day, age_s in ages_s.items() if age_s >= period_s / 2), key=lambda day: (-ages_s[day], day))
    overdue = sum(age_s > period_s for age_s in ages_s.values())
    runs = max(1, int(period_s / 2 / (RUN_EVERY_MS / 1000)))
    pace = -(-len(ages_s) // runs)
    return DueDays(len(ages_s), tuple(due), overdue, most_days if overdue else min(most_days, max(1, pace)))


def in_chunks(days: Sequence[date], most_days: int) -> list[list[date]]:
    """Return the days, ascending, in chunks of at most `most_days`: what is computed at once."""
    in_order = sorted(days)
    return [in_order[start : start + most_days] for start in range(0, len(in_order), most_days)]
