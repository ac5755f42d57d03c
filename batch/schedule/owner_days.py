"""Selects the days that own rows by the offset index, and the days of which rows are stored.

An event makes rows on its own day and on those that its windows reach. Days between two events that are far apart own
nothing: an event of 1970 in a log of today adds its own days and no others.
"""

from collections.abc import Sequence
from datetime import date

from psycopg import sql

from batch.index.closed_days import low_watermark_ms
from batch.index.log_index import read_index
from batch.log.offsets import Progress
from batch.store.database import LAYERS, Connection, connect, snapshot
from clients.statements import load_statements
from sma.averages import Average, Averages
from sma.limits import LATEST_EVENT_TIME_MS
from sma.settings import DatabaseSettings

_SQL = load_statements(__file__)
_IS_PRESENT = sql.SQL("generation = (SELECT sma.present_generation())")


def closed_owner_days(connection: Connection, averages: Averages) -> list[date]:
    """Return the days that own a row of a closed window, ascending.

    Raises:
        SmaError: the log has neither an event nor a heartbeat, so no window is closed.
    """
    low_watermark = low_watermark_ms(read_index(connection), averages.watermark_delay_ms)
    return sorted(owner_days(connection, averages, low_watermark))


def owner_days(
    connection: Connection, averages: Averages, until_ms: int = LATEST_EVENT_TIME_MS, customer: str | None = None
) -> set[date]:
    """Return the days that own a row with as_of <= until_ms, closed or not, by the offset index.

    Days of other customers' rows may be among a customer's: where it has events, the times are those of all.

    Args:
        connection: to the database.
        averages: that the rows are of.
        until_ms: the last `as_of`.
        customer: whose rows; None for all.
    """
    return {day for average in averages.averages for day in owner_days_of(connection, average, until_ms, customer)}


def owner_days_of(connection: Connection, average: Average, until_ms: int, customer: str | None = None) -> list[date]:
    """Return `owner_days` of one average, in no order."""
    rows = connection.execute(_SQL["read_owner_days"], _parameters(average, until_ms, customer))
    return [day for (day,) in rows]


def days_with_rows(connection: Connection, averages: Averages, days: Sequence[date]) -> list[date]:
    """Return those of some days, ascending, that own rows by the index, or of which rows or a result are stored."""
    own = owner_days(connection, averages) | stored_days(connection) | result_days(connection)
    return sorted(own.intersection(days))


def without_empty_days(
    settings: DatabaseSettings, averages: Averages, days: Sequence[date], progress: Progress
) -> list[date]:
    """Return `days_with_rows` of some days, and say how many are left out.

    Raises:
        SmaError: the database does not answer.
    """
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, snapshot(connection):
        kept = days_with_rows(connection, averages, days)
    if len(kept) < len(days):
        progress(f"{len(days) - len(kept):,} of {len(days):,} days own no row, and none is stored of them: left out")
    return kept


def stored_days(connection: Connection) -> set[date]:
    """Return the days of which either layer has a row: a step of an index for each day, not for each row.

    Streamed rows of a former generation are left out.
    """
    days: set[date] = set()
    for layer in LAYERS:
        is_present = _IS_PRESENT if layer == "streaming_averages" else sql.SQL("true")
        statement = sql.SQL(_SQL["read_stored_days"]).format(table=sql.Identifier(layer), is_present=is_present)
        days |= {day for (day,) in connection.execute(statement)}
    return days


def result_days(connection: Connection) -> set[date]:
    """Return the days that have a batch result."""
    return {day for (day,) in connection.execute(_SQL["read_result_days"])}


def _parameters(average: Average, until_ms: int, customer: str | None) -> dict[str, int | str | None]:
    return {
        "every_ms": average.every_ms,
        "offset_ms": average.offset_ms,
        "length_ms": average.length_ms,
        "until_ms": until_ms,
        "customer": customer,
    }
