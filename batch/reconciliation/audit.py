"""Writes the audit trail: the counts and the differences of each reconciliation. Rows are added, never changed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl

from batch.reconciliation.accounting import Account
from batch.reconciliation.classify import DIFFERENCES_SCHEMA, Summary
from batch.results.batch_results import BatchResult, as_json
from batch.store.database import AS_OF, Connection, copy_in
from clients.statements import load_statements

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """The result of comparing one day of one average.

    `differences` is as `batch.reconciliation.classify.classify_differences` returns it.
    """

    result: BatchResult
    summary: Summary
    differences: pl.DataFrame
    duration_seconds: float


def add_reconciliation(
    connection: Connection,
    run_id: str,
    days: Sequence[ReconciledDay],
    accounts: Sequence[Account],
    reconciled_at: datetime,
) -> None:
    """Add the results of a run, in one transaction.

    Args:
        connection: to the database.
        run_id: of the run.
        days: what was compared.
        accounts: what was accounted for.
        reconciled_at: a time before the rows were read, so that a batch row written since does not count as reconciled.
    """
    differences = pl.concat(day.differences for day in days) if days else pl.DataFrame(schema=DIFFERENCES_SCHEMA)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_SQL["add_account"], [{"run_id": run_id, **asdict(account)} for account in accounts])
        cursor.executemany(_SQL["add_reconciliation"], [_reconciliation(run_id, day, reconciled_at) for day in days])
        cursor.execute(_SQL["create_differing"])
        copy_in(connection, _SQL["copy_differing"], _as_differing(differences))
        cursor.execute(_SQL["add_differences"], {"run_id": run_id, "reconciled_at": reconciled_at})


def _reconciliation(run_id: str, day: ReconciledDay, reconciled_at: datetime) -> dict[str, object]:
    return {
        "run_id": run_id,
        "day": day.result.day,
        "average": day.result.average,
        **asdict(day.summary),
        "read_to": as_json(day.result.read_to),
        "duration_seconds": round(day.duration_seconds, 3),
        "reconciled_at": reconciled_at,
    }


def _as_differing(differences: pl.DataFrame) -> pl.DataFrame:
    return differences.with_columns(AS_OF)
