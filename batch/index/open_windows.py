"""Tells which windows were open in partitions that lagged (`batch.index.closed_days.lagging`)."""

from collections.abc import Mapping

import polars as pl

from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)
_SERIES = {"customer": pl.String, "metric": pl.String, "closed_ms": pl.Int64}


def without_open(connection: Connection, rows: pl.DataFrame, lagging: Mapping[int, int]) -> pl.DataFrame:
    """Return the rows whose windows were closed in the partition of their series.

    Args:
        connection: sees the offset index.
        rows: with the columns customer, metric and as_of_ms.
        lagging: partition -> last instant that can be an `as_of` of a closed window there; others lag nowhere.

    Returns:
        as `rows`, in the same order.
    """
    if not lagging or rows.is_empty():
        return rows
    series = connection.execute(_SQL["read_series"], {"partitions": list(lagging)}).fetchall()
    closed = pl.DataFrame([(*names, lagging[number]) for number, *names in series], _SERIES, orient="row")
    # a series in more than one partition is closed where it is closed in all of them
    closed = closed.group_by("customer", "metric").agg(pl.col("closed_ms").min())
    joined = rows.join(closed, on=["customer", "metric"], how="left", maintain_order="left")
    is_closed = pl.col("closed_ms").is_null() | (pl.col("as_of_ms") <= pl.col("closed_ms"))
    return joined.filter(is_closed).drop("closed_ms")
