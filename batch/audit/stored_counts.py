"""Checks stored rows without the log: their numbers against those that were recorded when the log was still there.

Finds rows that are missing or too many, in one layer or in both, and rows that were changed in one of them. It does not
find a row that was changed alike in both.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from batch.reconciliation.compare_days import count_days
from batch.reconciliation.compare_in_database import RowCounts
from batch.results.batch_results import read_results
from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class CountsThen:
    """What was recorded of a result: its rows, and of its newest reconciliation the equal windows and streamed rows.

    The latter two are None where the result was not reconciled since it was written.
    """

    rows: int
    equal: int | None
    streamed: int | None


@dataclass(frozen=True, slots=True)
class CountedResult:
    """The rows of a day and average, then and now."""

    day: date
    average: str
    then: CountsThen
    now: RowCounts

    @property
    def damaged(self) -> int:
        """How many windows are damaged, at least."""
        return damaged_windows(self.then, self.now)


def damaged_windows(then: CountsThen, now: RowCounts) -> int:
    """Return how many windows have changed, at least, as far as counts show it."""
    changes = [abs(then.rows - now.batch)]
    if then.equal is not None:
        changes.append(abs(then.equal - now.equal))
    if then.streamed is not None:
        changes.append(abs(then.streamed - now.streamed))
    return max(changes)


def count_stored(
    connection: Connection, days: Sequence[date], averages: Sequence[str], stale: Collection[date]
) -> list[CountedResult]:
    """Count the stored rows of some days, in a snapshot.

    Args:
        connection: in a `batch.store.database.snapshot`.
        days: those without a result are left out.
        averages: the names of averages.yaml.
        stale: days of which the log has gained events since, so that the stream may have emitted rows again.
    """
    bound = {"days": list(days), "averages": list(averages)}
    then = {
        (day, average): CountsThen(rows, *((None, None) if day in stale else counts))
        for day, average, rows, *counts in connection.execute(_SQL["read_counts_then"], bound)
    }
    results = [
        result
        for day in sorted({day for day, _ in then})
        for result in read_results(connection, [day], [name for of_day, name in then if of_day == day])
    ]
    return [
        CountedResult(each.result.day, each.result.average, then[each.result.day, each.result.average], each.counts)
        for each in count_days(connection, results)
    ]
