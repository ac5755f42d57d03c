"""Writes and reads the trail of audits: what each found of each day and average. Rows are added, never changed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class AuditedDay:
    """What an audit found of a day and average.

    is_recomputed: False where Kafka no longer retains the events, so that the rows were only counted.
    corrections: stored rows that were wrong, and are right now.
    unexplained_corrections: of them, those that no new event explains.
    unexplained_differences: windows of the stream that late events do not explain; None where it was not compared.
    damaged: windows that are known to be damaged and were not repaired.
    """

    day: date
    average: str
    is_recomputed: bool
    corrections: int
    unexplained_corrections: int
    unexplained_differences: int | None
    damaged: int

    @property
    def faults(self) -> int:
        """How many windows nothing explains."""
        return self.unexplained_corrections + (self.unexplained_differences or 0) + self.damaged


@dataclass(frozen=True, slots=True)
class UnexplainedCorrection:
    """A stored row that was wrong without an event that explains it, as it was and as it is; None: there was no row."""

    customer: str
    metric: str
    average: str
    as_of_ms: int
    value_sum_micros_before: int | None
    event_count_before: int | None
    value_sum_micros_after: int | None
    event_count_after: int | None


def add_audit(connection: Connection, run_id: str, days: Sequence[AuditedDay]) -> None:
    """Add what a run found, in one transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_SQL["add_audit"], [{"run_id": run_id, **asdict(day)} for day in days])


def read_audit(connection: Connection, run_id: str) -> list[AuditedDay]:
    """Return what a run found, by day and average."""
    return [AuditedDay(*row) for row in connection.execute(_SQL["read_audit"], {"run_id": run_id})]


def read_unexplained(connection: Connection, run_id: str, most: int) -> list[UnexplainedCorrection]:
    """Return corrections of a run that no new event explains, the largest first, `most` at most."""
    rows = connection.execute(_SQL["read_unexplained"], {"run_id": run_id, "most": most})
    return [
        UnexplainedCorrection(
            customer, metric, average, as_of_ms, _whole(sum_before), count_before, _whole(sum_after), count_after
        )
        for customer, metric, average, as_of_ms, sum_before, count_before, sum_after, count_after in rows
    ]


def _whole(micros: object) -> int | None:
    return None if micros is None else int(micros)  # type: ignore[call-overload]
