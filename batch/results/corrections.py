"""Adds corrections to the audit trail: the rows of a stored result before and after it was computed again.

Whether a new event explains a correction is decided in `batch.reconciliation.classify_corrections`.
"""

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl
from psycopg.types.json import Jsonb

from batch.store.averages_schema import KEY
from batch.store.database import AS_OF, Connection, copy_in
from clients.statements import load_statements

_SQL = load_statements(__file__)


def add_corrections(connection: Connection, run_id: str, before: pl.DataFrame, after: pl.DataFrame) -> int:
    """Add the rows that a run replaces, removes or adds in a stored day, in the same transaction; return their number.

    Args:
        connection: to the database.
        run_id: of the run.
        before: removed rows, as `averages` of `batch.store.averages_schema`.
        after: added rows, likewise; a replaced row is in both.
    """
    if before.is_empty() and after.is_empty():
        return 0
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
    return rows.height


def add_corrected_day(
    connection: Connection,
    run_id: str,
    day: date,
    average: str,
    read_to_before: Mapping[str, int],
    low_watermark_before: datetime,
    has_other_rules: bool,
    *,
    corrections: int,
) -> None:
    """Add how many rows of a result were corrected, and from how much of the log it had been computed; likewise.

    A result of other rules (`max_ahead`) is of other events: its corrections are explained by that.
    """
    bound = {
        "run_id": run_id,
        "day": day,
        "average": average,
        "read_to_before": Jsonb(read_to_before),
        "low_watermark_before": low_watermark_before,
        "corrections": corrections,
        "has_other_rules": has_other_rules,
    }
    connection.execute(_SQL["add_corrected_day"], bound)
    if has_other_rules:
        connection.execute(_SQL["explain_by_rules"], bound)


def remove_orphan_rows(
    connection: Connection, day: date, from_time: datetime, until_time: datetime, run_id: str
) -> dict[str, int]:
    """Remove the rows of a day that belong to no batch result, as unexplained corrections; return how many by average.

    No run writes such rows: a result and its rows are written together. For all averages at once: they share an index
    by time, so a query for each would scan the rows of all.
    """
    bound = {"day": day, "from_time": from_time, "until_time": until_time, "run_id": run_id}
    return dict(connection.execute(_SQL["clear_day"], bound).fetchall())


def _as_text(column: str) -> pl.Expr:
    """Micro-units as PostgreSQL reads them as units, to the last digit."""
    return pl.format("{}E-6", pl.col(column))


def remove_unreadable_rows(
    connection: Connection, average: str, from_time: datetime, until_time: datetime, run_id: str
) -> int:
    """Remove rows whose sum is not a number or whose time is finer than milliseconds: no layer writes such.

    Returns:
        how many are unexplained corrections of their own. A sum that was a number is not: its row is missing now, and
        is a correction when it is written.
    """
    bound = {"average": average, "from_time": from_time, "until_time": until_time, "run_id": run_id}
    return connection.execute(_SQL["remove_unreadable"], bound).rowcount
