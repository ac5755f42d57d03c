"""Rows of averages in and out of the tables of the two layers, as many at a time as a day has. No digit is lost.

Which rows should be there is decided in `batch.results.batch_results`.
"""

import numpy as np
import polars as pl
from psycopg import sql

from batch.store.array_format import decode_integers, decode_micros
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.copy_format import POSTGRES_EPOCH_MS, encode_rows
from batch.store.database import Connection, Layer
from sma.instants import instant

_ADD = """
COPY sma.batch_averages (
    customer,
    metric,
    average,
    as_of,
    value_sum,
    event_count
)
FROM STDIN (FORMAT binary)
"""
# a row for each series: what a row costs on the way, it costs for a whole series
_READ = """
SELECT
    customer,
    metric,
    count(*),
    array_send(array_agg(as_of)),
    array_send(array_agg(value_sum)),
    array_send(array_agg(event_count))
FROM sma.{table}
WHERE average = {average}
    AND as_of >= {from_time}
    AND as_of < {until_time}
GROUP BY customer, metric
"""
_CREATE_WRONG = """
CREATE TEMPORARY TABLE IF NOT EXISTS wrong (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum numeric(38, 6) NOT NULL,
    event_count bigint NOT NULL
) ON COMMIT DELETE ROWS
"""
_COPY_WRONG = "COPY pg_temp.wrong FROM STDIN (FORMAT binary)"
_REMOVE = """
DELETE FROM sma.batch_averages AS stored
USING pg_temp.wrong
WHERE stored.customer = wrong.customer
    AND stored.metric = wrong.metric
    AND stored.average = wrong.average
    AND stored.as_of = wrong.as_of
    AND stored.as_of >= %(from_time)s
    AND stored.as_of <= %(last_time)s
"""


def read_averages(connection: Connection, layer: Layer, average: str, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return a layer's rows with from_ms <= as_of < until_ms, as `averages` of `batch.store.averages_schema`."""
    statement = sql.SQL(_READ).format(
        table=sql.Identifier(layer),
        average=sql.Literal(average),
        from_time=sql.Literal(instant(from_ms)),
        until_time=sql.Literal(instant(until_ms)),
    )
    series = connection.cursor(binary=True).execute(statement).fetchall()
    if not series:
        return pl.DataFrame(schema=AVERAGES_SCHEMA)
    customers, metrics, row_counts, as_of, value_sum, event_count = zip(*series, strict=True)
    as_of_ms = decode_integers(as_of) // 1_000 + POSTGRES_EPOCH_MS
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
        _copy_in(connection, _ADD, rows)


def remove_batch_averages(connection: Connection, rows: pl.DataFrame) -> None:
    """Remove the rows with the keys of `rows` (`batch.store.averages_schema`) from `sma.batch_averages`."""
    if rows.is_empty():
        return
    first, last = rows.select(first=pl.col("as_of_ms").min(), last=pl.col("as_of_ms").max()).row(0)
    connection.execute(_CREATE_WRONG)
    _copy_in(connection, _COPY_WRONG, rows)
    connection.execute("ANALYZE pg_temp.wrong")
    # the bounds tell PostgreSQL in which chunks not to look
    connection.execute(_REMOVE, {"from_time": instant(first), "last_time": instant(last)})
    connection.execute("TRUNCATE pg_temp.wrong")


def _copy_in(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    with connection.cursor().copy(statement.encode()) as copy:
        for part in encode_rows(rows):
            copy.write(part)
