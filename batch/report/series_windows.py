"""Reads the windows of one series and average in both layers, and in which of them the layers differ.

Reads as a role that may read every table and view. How windows are drawn does not belong here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from batch.index.known_series import has_rows, read_definitions, unknown_average, unknown_series
from batch.store.database import Connection
from batch.store.read_only import limited_session
from clients.statements import load_statements
from sma.averages import Average
from sma.durations import MILLISECONDS
from sma.errors import SmaError
from sma.instants import format_instant, instant
from sma.settings import DatabaseSettings

EXPLAINED, UNEXPLAINED, NOT_RECONCILED = "explained", "unexplained", "not reconciled"
WEEK_MS = MILLISECONDS["week"]
MOST_WINDOWS = 1_000_000  # a week of a window each second has 604,800
WINDOWS_SCHEMA = {
    "as_of_ms": pl.Int64(),
    "stream": pl.Decimal(38, 9),
    "batch": pl.Decimal(38, 9),
    "is_final": pl.Boolean(),
    "difference": pl.String(),
    "late_events": pl.Int64(),
}

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class SeriesWindows:
    """The windows of one series and average with from_ms <= as_of < until_ms.

    windows: as_of_ms Int64; stream, batch Decimal, the average of each layer, null where it has no row; is_final
    Boolean; difference String: EXPLAINED, UNEXPLAINED, NOT_RECONCILED, or null where the layers agree; late_events
    Int64; sorted and unique in as_of_ms. A window without an event has no row.
    """

    customer: str
    metric: str
    average: Average
    from_ms: int
    until_ms: int
    windows: pl.DataFrame


@contextmanager
def reader_session(settings: DatabaseSettings, limit_seconds: float) -> Iterator[Connection]:
    """Open a read-only session of the reader's role on one snapshot, for `limit_seconds` altogether.

    Raises:
        SmaError: the database does not answer or refuses, or the session took longer.
    """
    with limited_session(settings.database_url, "SMA_DATABASE_URL", limit_seconds) as connection:
        yield connection


def find_average(connection: Connection, customer: str, metric: str, average: str) -> Average:
    """Return the average of a series that is stored.

    Raises:
        SmaError: there is no such average or series; similar names are listed.
    """
    known = read_definitions(connection)
    if average not in known:
        raise unknown_average(average, known)
    if not has_rows(connection, customer, metric):
        raise unknown_series(connection, customer, metric)
    return known[average]


def newest_as_of_ms(connection: Connection, customer: str, metric: str, average: str) -> int | None:
    """Return the newest grid point of either layer that is not ahead of the clock; None where there is none."""
    names = {"customer": customer, "metric": metric, "average": average}
    ((newest_ms,),) = connection.execute(_SQL["read_newest"], names).fetchall()
    return None if newest_ms is None else int(newest_ms)


def read_windows(
    connection: Connection, customer: str, metric: str, average: Average, from_ms: int, until_ms: int
) -> SeriesWindows:
    """Read the windows with from_ms <= as_of < until_ms.

    Raises:
        SmaError: there are more than `MOST_WINDOWS`.
    """
    bound = {
        "customer": customer,
        "metric": metric,
        "average": average.name,
        "from_time": instant(from_ms),
        "until_time": instant(until_ms),
        "most": MOST_WINDOWS + 1,
    }
    rows = connection.execute(_SQL["read_windows"], bound).fetchall()
    if len(rows) > MOST_WINDOWS:
        raise SmaError(
            f"{customer}/{metric}, average {average.name!r} has more than {MOST_WINDOWS:,} windows from "
            f"{format_instant(from_ms)} until {format_instant(until_ms)}: choose a shorter time"
        )
    windows = pl.DataFrame(rows, WINDOWS_SCHEMA, orient="row")
    return SeriesWindows(customer, metric, average, from_ms, until_ms, windows)
