"""Adds corrections to the audit trail: the rows of a stored result before and after it was computed again."""

import polars as pl

from batch.store.averages_schema import KEY
from batch.store.database import AS_OF, Connection, copy_in
from batch.store.statements import load_statements

_SQL = load_statements(__file__)


def add_corrections(connection: Connection, run_id: str, before: pl.DataFrame, after: pl.DataFrame) -> None:
    """Add the rows that a run replaces, removes or adds in a stored day, in the same transaction.

    Args:
        connection: to the database.
        run_id: of the run.
        before: removed rows, as `averages` of `batch.store.averages_schema`.
        after: added rows, likewise; a replaced row is in both.
    """
    if before.is_empty() and after.is_empty():
        return
    rows = before.join(after, on=KEY, how="full", coalesce=True, suffix="_after").select(
        pl.lit(run_id),
        "customer",
        "metric",
        "average",
        AS_OF,
        _as_text("value_sum_micros"),
        "event_count",
        _as_text("value_sum_micros_after"),
        "event_count_after",
    )
    copy_in(connection, _SQL["copy_corrections"], rows)


def _as_text(column: str) -> pl.Expr:
    """Micro-units as PostgreSQL reads them as units, to the last digit."""
    return pl.format("{}E-6", pl.col(column))
