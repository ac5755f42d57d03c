"""Counts and selects the windows in which the two layers differ, by a join in PostgreSQL.

Days without a difference leave the database as counts only. The join compares the pairs themselves, not digests.
What a difference means is decided in `batch.reconciliation.classify`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from batch.reconciliation.classify import compare
from batch.store.averages_tables import read_averages
from batch.store.database import LAYERS, Connection
from clients.statements import load_statements
from sma.instants import instant

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows each layer has, and how many windows have the same pair in both."""

    streamed: int
    batch: int
    equal: int

    @property
    def is_clean(self) -> bool:
        """Whether no window differs."""
        return self.streamed == self.batch == self.equal


def count_rows(connection: Connection, averages: Sequence[str], from_ms: int, until_ms: int) -> dict[str, RowCounts]:
    """Compare the two layers' rows of some averages with from_ms <= as_of < until_ms, in a transaction.

    Args:
        connection: to the database.
        averages: their names.
        from_ms: first `as_of`, in milliseconds since the Unix epoch.
        until_ms: one past the last.
    """
    bound = {"averages": list(averages), "from_time": instant(from_ms), "until_time": instant(until_ms)}
    connection.execute(_SQL["join_by_hash"])
    counts = {average: RowCounts(*row) for average, *row in connection.execute(_SQL["count_rows"], bound)}
    return {average: counts.get(average, RowCounts(0, 0, 0)) for average in averages}


def differing_rows(connection: Connection, average: str, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return the windows of one average with from_ms <= as_of < until_ms that differ, as `classify.compare` does.

    Call it within the `batch.store.database.snapshot` of `count_rows`: the rows are read again.
    """
    return compare(*(read_averages(connection, layer, average, from_ms, until_ms) for layer in LAYERS))
