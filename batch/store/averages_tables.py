"""Moves rows of averages in and out of the two layers' tables, a day at a time, without losing a digit.

Which rows should be there is decided in `batch.results.batch_results`.
"""

from typing import LiteralString

import numpy as np
import polars as pl
from psycopg import sql

from batch.store.array_format import UnreadableRow, decode_integers, decode_micros
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.copy_format import POSTGRES_EPOCH_MS, encode_rows
from batch.store.database import Connection, Layer
from clients.statements import load_statements
from sma.instants import instant

_SQL = load_statements(__file__)
_OF_PRESENT_GENERATION = sql.SQL("AND generation = (SELECT sma.present_generation())")


def read_averages(connection: Connection, layer: Layer, average: str, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return a layer's rows with from_ms <= as_of < until_ms, as `averages` of `batch.store.averages_schema`.

    Streamed rows of a former generation are left out.

    Raises:
        UnreadableRow: a sum is not a number, or an `as_of` is finer than milliseconds.
    """
    statement = sql.SQL(_SQL["read_averages"]).format(
        table=sql.Identifier(layer),
        average=sql.Literal(average),
        from_time=sql.Literal(instant(from_ms)),
        until_time=sql.Literal(instant(until_ms)),
        and_present=_OF_PRESENT_GENERATION if layer == "streaming_averages" else sql.SQL(""),
    )
    series = connection.cursor(binary=True).execute(statement).fetchall()
    if not series:
        return pl.DataFrame(schema=AVERAGES_SCHEMA)
    customers, metrics, row_counts, as_of, value_sum, event_count = zip(*series, strict=True)
    as_of_micros = decode_integers(as_of)
    if (as_of_micros % 1_000).any():
        raise UnreadableRow("as_of: finer than milliseconds, which no layer writes")
    as_of_ms = as_of_micros // 1_000 + POSTGRES_EPOCH_MS
    names = pl.DataFrame({"customer": customers, "metric": metrics, "row_count": row_counts})
    return (
        names.select(pl.col("customer", "metric").gather(np.repeat(np.arange(names.height), row_counts)))
        .with_columns(
            pl.lit(average).alias("average"),
            pl.Series("as_of_ms", as_of_ms),
            decode_micros(value_sum, sum(row_counts)),
            pl.Series("event_count", decode_integers(event_count)),
        )
        .sort(KEY)
    )


def add_batch_averages(connection: Connection, rows: pl.DataFrame) -> None:
    """Add rows (`batch.store.averages_schema`) to `sma.batch_averages`; none of their keys may be there.

    Raises:
        psycopg.errors.UniqueViolation: one is.
    """
    if not rows.is_empty():
        _copy_in(connection, _SQL["copy_batch_averages"], rows)


def remove_batch_averages(connection: Connection, rows: pl.DataFrame) -> None:
    """Remove the rows with the keys of `rows` (`batch.store.averages_schema`) from `sma.batch_averages`."""
    if rows.is_empty():
        return
    first, last = rows.select(first=pl.col("as_of_ms").min(), last=pl.col("as_of_ms").max()).row(0)
    connection.execute(_SQL["create_wrong"])
    _copy_in(connection, _SQL["copy_wrong"], rows)
    connection.execute(_SQL["analyze_wrong"])
    # the bounds let PostgreSQL skip the other chunks
    connection.execute(_SQL["delete_wrong"], {"from_time": instant(first), "last_time": instant(last)})
    connection.execute(_SQL["empty_wrong"])


def _copy_in(connection: Connection, statement: LiteralString, rows: pl.DataFrame) -> None:
    with connection.cursor().copy(statement) as copy:
        for block in encode_rows(rows):
            copy.write(block)
