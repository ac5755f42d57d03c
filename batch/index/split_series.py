"""Reads which series have events in more than one partition: for checks, metrics and the reconciliation.

They are recorded by `batch.index.split_marks`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class SplitPartition:
    """One of the partitions of a series: where its first event is (None: not known), and since which day (UTC)."""

    kafka_partition: int
    first_offset: int | None
    first_day: date


@dataclass(frozen=True, slots=True)
class SplitSeries:
    """A series that had events indexed in more than one partition within the last day.

    `found_at` is when the index met it in the newest of them, which comes last.
    """

    customer: str
    metric: str
    partitions: tuple[SplitPartition, ...]
    found_at: datetime

    def in_words(self) -> str:
        """Return the series and its partitions, e.g. `acme/temperature (partitions 0, 2)`."""
        numbers = ", ".join(str(number) for number in sorted(each.kafka_partition for each in self.partitions))
        return f"{self.customer}/{self.metric} (partitions {numbers})"


@dataclass(frozen=True, slots=True)
class AllSplitSeries:
    """The series that were found last, and how many there are; `marked` series have rows that are not final for it."""

    newest: tuple[SplitSeries, ...]
    count: int
    marked: int

    def in_words(self) -> str:
        """Return how many there are, and the first few; empty without one."""
        if not self.count:
            return ""
        named = ", ".join(each.in_words() for each in self.newest)
        more = f" and {self.count - len(self.newest):,} more" if self.count > len(self.newest) else ""
        return f"{self.count:,} series in more than one partition: {named}{more}"


def read_split_series(connection: Connection, most: int) -> AllSplitSeries:
    """Return the series that had events in more than one partition indexed within the last day.

    Args:
        connection: of any role that may read the table.
        most: how many of them to return, the ones found last first.
    """
    rows = connection.execute(_SQL["read_split"], {"most": most}).fetchall()
    ((marked,),) = connection.execute(_SQL["count_marked"]).fetchall()
    newest = tuple(
        SplitSeries(customer, metric, tuple(SplitPartition(*each) for each in zip(*columns, strict=True)), found_at)
        for customer, metric, *columns, found_at, _ in rows
    )
    return AllSplitSeries(newest, rows[0][-1] if rows else 0, marked)


def read_split_names(connection: Connection) -> list[tuple[str, str]]:
    """Return customer and metric of each series that has events in more than one partition, whenever that was."""
    return connection.execute(_SQL["read_names"]).fetchall()
