"""Offers the served rows to Python: `sma.read`."""

import polars as pl
from pydantic import SecretStr

from reader.selection import Instant, select
from reader.served import read_served
from reader.session import session
from sma.settings import load_settings


def read(
    customer: str | None = None,
    metric: str | None = None,
    average: str | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    *,
    final: bool = False,
    database_url: str | None = None,
) -> pl.DataFrame:
    """Return the rows that readers see: the batch result where there is one, else the stream's row.

    Args:
        customer: whose rows; of all customers if not given.
        metric: of which metric; of all if not given.
        average: of which average, by its name in averages.yaml; of all if not given.
        start: the first as_of, as ISO 8601 text, a date or a datetime; UTC unless it has a zone.
        end: where to stop: rows with as_of < end.
        final: whether to leave out rows that are not reconciled yet.
        database_url: PostgreSQL URL of a role that may read every table, or of a customer, who gets its own rows; if
            not given, SMA_DATABASE_URL or that of the local stack.

    Returns:
        customer str, metric str, average str, as_of Datetime("ms", "UTC"), value_sum Decimal(38, 6), event_count Int64,
        is_full bool, sma Decimal(38, 9), source Enum("batch", "stream"), is_final bool; sorted by and unique in
        (customer, metric, average, as_of). No float: numbers are those of the database, to the last digit.

    Raises:
        SmaError: a time cannot be read, the database does not answer, or a number has more than 38 digits.
    """
    selection = select(customer, metric, average, start, end, final=final)
    if database_url is None:
        url, setting = load_settings().database_url, "SMA_DATABASE_URL"
    else:
        url, setting = SecretStr(database_url), "database_url"
    with session(url, setting) as connection:
        return read_served(connection, selection)
