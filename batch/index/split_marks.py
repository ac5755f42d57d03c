"""Records the series with events in more than one partition, and which of their rows are never final.

Only within a partition is the order of a series' events total, and the stream has windows of its own for each. Written
with each pass over the log, in its transaction; what a pass costs depends on what is new. The tables are described in
sql/migrations/0023_split_series.sql, the choices in docs/decisions/0048-series-in-two-partitions.md.
"""

from collections.abc import Sequence
from datetime import date
from typing import LiteralString

from batch.index.index_pass import IndexPass, Names
from batch.store.database import Connection
from clients.statements import load_statements
from sma.days import day_of_number

_SQL = load_statements(__file__)


def record_split_series(connection: Connection, partition: int, done: IndexPass) -> None:
    """Record the series of a pass that other partitions have too; in the pass's transaction, after its tables.

    Passes over two partitions take turns here, so that the second of them sees what the first has written.

    Args:
        connection: to the database.
        partition: of the pass.
        done: the pass.
    """
    days = _first_and_last_days(done)
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


def _first_and_last_days(done: IndexPass) -> dict[int, tuple[date, date]]:
    """Return by series number the first and the last day with an event that is not written yet."""
    numbers: dict[int, tuple[int, int]] = {}
    for series, day, *_ in done.day_counts():
        first, last = numbers.get(series, (day, day))
        numbers[series] = min(first, day), max(last, day)
    return {series: (day_of_number(first), day_of_number(last)) for series, (first, last) in numbers.items()}


def _execute(
    connection: Connection, statement: LiteralString, partition: int, names: Sequence[Names], **values: Sequence[date]
) -> list[Names]:
    """Run a statement on some series; return the series that it returns, if any."""
    customers, metrics = map(list, zip(*names, strict=True))
    bound = {"partition": partition, "customers": customers, "metrics": metrics, **values}
    ran = connection.execute(statement, bound)
    return ran.fetchall() if ran.description else []
