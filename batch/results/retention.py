"""Drops rows that are older than the days to keep, by whole chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from batch.log.offsets import Progress
from batch.store.database import connect
from clients.statements import load_statements
from sma.settings import DatabaseSettings

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Dropped:
    """How much was dropped from a table."""

    table: str
    chunks: int
    rows: int


def first_day_kept(keep_days: int, today: date) -> date | None:
    """Return the first day whose rows are kept, with `keep_days` before today; None where all are."""
    return today - timedelta(days=keep_days) if keep_days else None


def kept_days(days: Sequence[date], keep_days: int, today: date, progress: Progress) -> list[date]:
    """Return the days whose rows are kept, and say how many are left out: their rows were dropped, and are no loss.

    Args:
        days: in any order.
        keep_days: how many days before today are kept; 0 for all.
        today: the day in UTC.
        progress: takes a line if some are left out.
    """
    first = first_day_kept(keep_days, today)
    kept = [day for day in days if first is None or day >= first]
    if len(kept) < len(days):
        progress(f"{len(days) - len(kept)} of {len(days)} days are before {first} and no longer kept: left out")
    return kept


def drop_before(settings: DatabaseSettings, day: date) -> list[Dropped]:
    """Drop the chunks whose rows all have an `as_of` before a day (UTC); a chunk that overlaps it stays whole.

    Raises:
        SmaError: the day is not past, or the database does not answer or refuses.
    """
    bound = datetime.combine(day, time(), UTC)
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, connection.transaction():
        return [Dropped(*row) for row in connection.execute(_SQL["drop_chunks"], {"bound": bound})]
