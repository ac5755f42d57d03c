"""Reads served rows as frames, exactly and in bounded memory; no float takes part.

served: customer str, metric str, average str, as_of Datetime("ms", "UTC"), value_sum Decimal(38, 6), event_count Int64,
    is_full bool, sma Decimal(38, 9), source Enum("batch", "stream"), is_final bool; unique in (customer, metric,
    average, as_of).

PostgreSQL sends text through COPY and polars parses it in columns: no row becomes a Python object.
"""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
from psycopg import sql

from clients.postgres import Connection
from clients.statements import load_statements
from reader.selection import Selection
from sma.errors import SmaError, first_line_of
from sma.instants import instant

KEY = ["customer", "metric", "average", "as_of"]
SOURCE = pl.Enum(["batch", "stream"])
SERVED_SCHEMA = pl.Schema(
    {
        "customer": pl.String(),
        "metric": pl.String(),
        "average": pl.String(),
        "as_of": pl.Datetime("ms", "UTC"),
        "value_sum": pl.Decimal(38, 6),
        "event_count": pl.Int64(),
        "is_full": pl.Boolean(),
        "sma": pl.Decimal(38, 9),
        "source": SOURCE,
        "is_final": pl.Boolean(),
    }
)
BLOCK_BYTES = 16 << 20
"""How much text is parsed at a time: some 150,000 rows."""

_SQL = load_statements(__file__)
_UNSORTED = sql.SQL("")  # polars sorts faster
_BY_TIME = sql.SQL('ORDER BY as_of, customer COLLATE "C", metric COLLATE "C", average COLLATE "C"')
_TEXT_SCHEMA = {**SERVED_SCHEMA, "as_of": pl.Int64()} | dict.fromkeys(("is_full", "source", "is_final"), pl.String())
_DAY = timedelta(days=1)
_FEW_ROWS = 500_000
"""A query that gets fewer is followed by one of twice the time, up to `_LONGEST`."""
_LONGEST = timedelta(days=512)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def read_served(connection: Connection, selection: Selection) -> pl.DataFrame:
    """Return the selected rows as `served`, sorted by customer, metric, average, as_of.

    Raises:
        SmaError: a number has more digits than a decimal of 38.
    """
    blocks = _copied(connection, selection, *_bounds(selection), _UNSORTED)
    return pl.concat([SERVED_SCHEMA.to_frame(), *blocks]).sort(KEY)


def served_blocks(connection: Connection, selection: Selection) -> Generator[pl.DataFrame]:
    """Yield the selected rows as `served`, sorted by as_of, customer, metric, average, in blocks that fit in memory.

    The database sorts the rows of a day or more at a time, as many days as have few rows.

    Raises:
        SmaError: a number has more digits than a decimal of 38.
    """
    start, until = _bounds(selection)
    at, step = _first_as_of(connection, start), _DAY
    while at is not None and at < until:
        stop = min(until - at, step) + at
        row_count = 0
        for block in _copied(connection, selection, at, stop, _BY_TIME):
            row_count += block.height
            yield block
        step = max(step / 2, _DAY) if row_count > _FEW_ROWS else min(step * 2, _LONGEST)
        at = _first_as_of(connection, stop)


def _bounds(selection: Selection) -> tuple[datetime, datetime]:
    """Return the first instant of the selection, and the one at which it ends."""
    start = _EARLIEST if selection.start_ms is None else instant(selection.start_ms)
    return start, _LATEST if selection.end_ms is None else instant(selection.end_ms)


def _first_as_of(connection: Connection, from_time: datetime) -> datetime | None:
    """Return the as_of of the first row stored from a time on; None where there is none."""
    statement = sql.SQL(_SQL["first_as_of"]).format(from_time=sql.Literal(from_time))
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _copied(
    connection: Connection, selection: Selection, from_time: datetime, until_time: datetime, order: sql.SQL
) -> Iterator[pl.DataFrame]:
    """Yield the selected rows with from_time <= as_of < until_time, in blocks of BLOCK_BYTES."""
    statement = sql.SQL(_SQL["copy_rows"]).format(
        view=_view(connection),
        customer=sql.Literal(selection.customer),
        metric=sql.Literal(selection.metric),
        average=sql.Literal(selection.average),
        from_time=sql.Literal(from_time),
        until_time=sql.Literal(until_time),
        is_final_only=sql.Literal(selection.is_final_only),
        order=order,
    )
    with connection.cursor().copy(statement) as copy:
        text = bytearray()
        for row in copy:
            text += row
            if len(text) >= BLOCK_BYTES:
                yield _parse(bytes(text))
                text.clear()
        if text:
            yield _parse(bytes(text))


def _view(connection: Connection) -> sql.Identifier:
    """Return the view to read: of a customer that reads for itself, its own."""
    row = connection.execute(_SQL["find_own_view"]).fetchone()
    return sql.Identifier("moving_averages") if row and row[0] else sql.Identifier("serving", "moving_averages")


def _parse(text: bytes) -> pl.DataFrame:
    """Return the rows of CSV text of `copy_rows` as `served`."""
    try:
        rows = pl.read_csv(text, has_header=False, schema=_TEXT_SCHEMA)
    except pl.exceptions.ComputeError as error:
        raise SmaError(f"a served row does not fit 38 decimal digits: {first_line_of(error)}") from error
    if rows.select((pl.col("as_of") % 1_000 != 0).any()).item():
        raise SmaError("as_of: finer than milliseconds, which no layer writes: see `sma audit`")
    return rows.with_columns(
        pl.from_epoch(pl.col("as_of") // 1_000, "ms").dt.replace_time_zone("UTC"),
        pl.col("is_full", "is_final") == "t",
        pl.col("source").cast(SOURCE),
    ).cast(SERVED_SCHEMA)
