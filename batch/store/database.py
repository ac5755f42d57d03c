"""Connects to PostgreSQL, reads in a snapshot, and copies frames of any kind in.

Such a frame is sent as CSV through COPY: sums as whole micro-units and times as whole milliseconds, so no digit is
lost. Rows of averages, of which there are many more, go through `batch.store.averages_tables`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, LiteralString, cast

import polars as pl
import psycopg
from pydantic import SecretStr

from clients import postgres
from clients.postgres import Connection as Connection
from clients.statements import load_statements

Layer = Literal["streaming_averages", "batch_averages"]
LAYERS: tuple[Layer, Layer] = ("streaming_averages", "batch_averages")

_SQL = load_statements(__file__)

# the column `as_of_ms` as a time that COPY takes, in its place and under its name
AS_OF = pl.from_epoch("as_of_ms", time_unit="ms").dt.replace_time_zone("UTC")


@contextmanager
def connect(url: SecretStr, setting: str) -> Iterator[Connection]:
    """Open a connection that commits only in `transaction()`; `setting` names the URL in errors.

    Raises:
        SmaError: no URL is set, or the database does not answer or refuses; the URL's password never shows.
    """
    with postgres.session(url, setting, "batch") as connection:
        yield connection


@contextmanager
def snapshot(connection: Connection) -> Iterator[datetime]:
    """Run every query on the tables as they are now, in one transaction; yield the database's time of that moment.

    `written_at` is from the same clock.
    """
    before = connection.isolation_level
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            row = connection.execute(_SQL["read_clock"]).fetchone()
            yield cast(datetime, row[0] if row else None)
    finally:
        # or what is written afterwards would fail where it waited for another writer
        if not connection.closed:
            connection.isolation_level = before


def copy_in(connection: Connection, statement: LiteralString, rows: pl.DataFrame) -> None:
    """Send the rows of a frame through `COPY … FROM STDIN (FORMAT csv)`; null is the empty field."""
    with connection.cursor().copy(statement) as copy:
        copy.write(rows.write_csv(include_header=False).encode())
