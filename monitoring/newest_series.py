"""Reads from the database which series were published last, and how far each has come, for `sma status`."""

from dataclasses import dataclass
from datetime import UTC, datetime

from clients.answers import HEALTH_TIMEOUT_S
from clients.postgres import session
from clients.statements import load_statements
from sma.settings import DatabaseSettings

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Series:
    """One series. Times are UTC; None where there is none yet.

    `written_at` is when the stream last wrote its newest row, `newest_event_ms` its max log time as far as the log is
    indexed, `as_of` its newest window of any average. That is `open` (it has none), `streamed`, `computed` by the batch
    layer too, or `reconciled`; all but the first are closed.
    """

    customer: str
    metric: str
    written_at: datetime | None
    newest_event_ms: int | None
    average: str | None
    as_of: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class NewestSeries:
    """The series that were published last, the newest first, and how many others there are."""

    series: tuple[Series, ...]
    more: int


def read_newest_series(settings: DatabaseSettings, most: int, limit_s: float) -> NewestSeries:
    """Return the series whose rows the stream wrote last.

    Args:
        settings: where the database is.
        most: how many to return.
        limit_s: how long the database may take; each series costs it a few look-ups in an index.

    Raises:
        SmaError: the database does not answer, refuses, or takes longer.
    """
    with session(settings.database_url, "SMA_DATABASE_URL", "status", timeout_s=HEALTH_TIMEOUT_S) as connection:
        connection.execute(_SQL["limit_time"], {"limit": f"{round(limit_s * 1_000)}ms"})
        rows = connection.execute(_SQL["read_newest"], {"most": most}).fetchall()
    series = tuple(
        Series(customer, metric, _utc(written_at), newest_event_ms, average, _utc(as_of), state)
        for customer, metric, written_at, newest_event_ms, average, as_of, state, _ in rows
    )
    return NewestSeries(series, (rows[0][-1] if rows else 0) - len(series))


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None
