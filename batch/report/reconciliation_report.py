"""Sums up what some runs reconciled: the figures for the user, and the worst differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from batch.explain.command import explain_command
from batch.store.database import connect
from clients.statements import load_statements
from sma.errors import SmaError
from sma.instants import milliseconds
from sma.settings import BatchSettings

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """Sums over the days of some runs; the counts of the log are those of the run that read furthest, not summed.

    records = events + rejected_events + heartbeats, and unaccounted is how many records break that rule.
    unexplained_corrections: stored batch rows that were wrong before, without a new event that explains it.
    of_one_partition: of the explained windows, those of a series in two partitions: the stream has one of them.
    """

    events: int
    late_events: int
    rejected_events: int
    windows_compared: int
    equal: int
    changed: int
    missing_in_stream: int
    extra_in_stream: int
    explained: int
    unexplained: int
    records: int
    heartbeats: int
    unaccounted: int
    unexplained_corrections: int
    of_one_partition: int


def reconciliation_report(settings: BatchSettings, run_ids: Sequence[str]) -> ReconciliationReport:
    """Return what runs reconciled, as a reader of the database sees it.

    Raises:
        SmaError: the database does not answer, or no such run reconciled anything.
    """
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        row = connection.execute(_SQL["read_report"], {"run_ids": list(run_ids)}).fetchone()
    if row is None or row[-1] == 0:
        raise SmaError(f"no reconciliation is recorded for run {', '.join(run_ids) or '(none)'}: see it in Dagster")
    return ReconciliationReport(*row[:-1])


def report_before(
    settings: BatchSettings, averages: Sequence[str], start: date | None, end: date | None
) -> tuple[ReconciliationReport, tuple[str, ...]] | None:
    """Return what the newest reconciliation of each day found, and the ids of their runs; None where there is none.

    Corrections are not counted: the run that made them has reported them.

    Args:
        settings: where the database is.
        averages: their names.
        start: the first day; None for all.
        end: the last day, included; None for all.

    Raises:
        SmaError: the database does not answer.
    """
    bound = {"averages": list(averages), "start": start, "end": end}
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        row = connection.execute(_SQL["read_report_before"], bound).fetchone()
    return None if row is None else (ReconciliationReport(*row[:-1]), tuple(row[-1]))


def commands_to_trace(
    settings: BatchSettings, run_ids: Sequence[str], most: int, customer: str | None = None
) -> list[str]:
    """Return commands that trace values of some runs, `most` at most.

    First the worst unexplained differences, then the newest value that the runs reconciled, then explained differences
    of the newest days.

    Args:
        settings: where the database is.
        run_ids: of the runs.
        most: how many.
        customer: whose values; None for all.

    Raises:
        SmaError: the database does not answer.
    """
    bound = {"run_ids": list(run_ids), "most": most, "customer": customer}
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        worst = connection.execute(_SQL["read_worst"], bound).fetchall()
        newest = connection.execute(_SQL["read_newest"], bound).fetchall()
    unexplained, explained = ([row[:4] for row in worst if row[4] is is_explained] for is_explained in (False, True))
    return [
        explain_command(customer, metric, average, milliseconds(as_of))
        for customer, metric, average, as_of in list(dict.fromkeys([*unexplained, *newest, *explained]))[:most]
    ]
