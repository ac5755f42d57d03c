"""Records the series with events in more than one partition, and which of their rows are never final.

Only within a partition is the order of a series' events total, and the stream has windows of its own for each. Written
with each pass over the log, in its transaction; what a pass costs depends on what is new. The tables are described in
sql/migrations/0023_split_series.sql, the choices in docs/decisions/0048-series-in-two-partitions.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from batch.index.index_pass import IndexPass, LateEvents, Names
from batch.store.database import Connection
from clients.statements import load_statements
from sma.days import day_of_number
from sma.durations import DAY_MS

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


def record_split_series(connection: Connection, partition: int, done: IndexPass, late: Sequence[LateEvents]) -> None:
    """Record the series of a pass that other partitions have too; in the pass's transaction, after its tables.

    Passes over two partitions take turns here, so that the second of them sees what the first has written.

    Args:
        connection: to the database.
        partition: of the pass.
        done: the pass.
        late: its late events since it was last written.
    """
    days = _first_and_last_days(done, late)
    if not days:
        return
    connection.execute(_SQL["take_turns"])
    ((has_split,),) = connection.execute(_SQL["has_split"]).fetchall()
    split: list[Names] = []
    if has_split:
        split += _execute(
            connection,
            _SQL["extend_split"],
            partition,
            [done.series[number] for number in days],
            first_days=[first for first, _ in days.values()],
            last_days=[last for _, last in days.values()],
        )
    new = [done.series[number] for number in done.first_offsets]
    if new and (found := _execute(connection, _SQL["find_split"], partition, new)):
        _execute(connection, _SQL["add_split"], partition, found)
        split += found
    if split:
        _execute(connection, _SQL["mark_rows"], partition, split)


def settle_marks(connection: Connection) -> None:
    """Mark rows again where averages have other windows now, and remove marks of series that are no longer split."""
    with connection.transaction():
        stale = connection.execute(_SQL["find_stale_marks"]).fetchall()
        if stale:
            connection.execute(_SQL["take_turns"])
            _execute(connection, _SQL["mark_rows"], 0, stale)
        connection.execute(_SQL["remove_marks"])


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


def _first_and_last_days(done: IndexPass, late: Sequence[LateEvents]) -> dict[int, tuple[date, date]]:
    """Return by series number the first and the last day with an event that is not written yet."""
    numbers: dict[int, tuple[int, int]] = {}
    for series, day in _days(done, late):
        first, last = numbers.get(series, (day, day))
        numbers[series] = min(first, day), max(last, day)
    return {series: (day_of_number(first), day_of_number(last)) for series, (first, last) in numbers.items()}


def _days(done: IndexPass, late: Sequence[LateEvents]) -> Iterable[tuple[int, int]]:
    yield from ((series, day) for series, day, _ in done.day_counts())
    for columns in late:
        yield from zip(columns.series_ids.tolist(), (columns.event_times_ms // DAY_MS).tolist(), strict=True)


def _execute(
    connection: Connection, statement: str, partition: int, names: Sequence[Names], **values: Sequence[date]
) -> list[Names]:
    """Run a statement on some series; return the series that it returns, if any."""
    customers, metrics = map(list, zip(*names, strict=True))
    bound = {"partition": partition, "customers": customers, "metrics": metrics, **values}
    ran = connection.execute(statement, bound)
    return ran.fetchall() if ran.description else []
