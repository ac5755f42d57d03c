"""Reads and writes the offset index's tables for the pass that extends it: where to continue, and what it has indexed.

The tables are described in sql/migrations/0007_offset_index.sql. A pass is written in one transaction. The counts of
the index are read in `batch.index.log_index`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

from batch.index.index_pass import Block, IndexPass, LateEvents, Names, PassEnd
from batch.index.log_days import record_days
from batch.index.log_index import Rule
from batch.index.split_marks import record_split_series
from batch.store.database import Connection
from clients.statements import load_statements
from sma.days import day_of_number
from sma.errors import SmaError
from sma.origin import Origin

_SQL = load_statements(__file__)
_ORIGIN_COLUMNS = ("origin_offset", "origin_appended_ms", "origin_max_log_time_ms", "origin_events_to_go")


@contextmanager
def locked_partition(connection: Connection, partition: int) -> Iterator[None]:
    """Lock the index of a partition, so that no other connection extends it; wait for the lock."""
    connection.execute(_SQL["lock_partition"], {"partition": partition})
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute(_SQL["unlock_partition"], {"partition": partition})


def forget(connection: Connection) -> None:
    """Empty the index: the next pass reads the log from its beginning."""
    connection.execute(_SQL["forget_index"])


def fill_in_topic_id(connection: Connection, topic_id: str) -> None:
    """Let what was indexed without the id of its topic be of this one; an empty id is none."""
    if topic_id:
        connection.execute(_SQL["fill_in_topic_id"], {"topic_id": topic_id})


def read_pass_end(connection: Connection, partition: int, first_offset: int = 0) -> PassEnd:
    """Return where the next pass over a partition begins: at `first_offset` where it was never read."""
    bound = {"partition": partition}
    row = connection.execute(_SQL["read_indexed_to"], bound).fetchone()
    if row is None:
        return PassEnd(first_offset, None, None, origin=Origin(first_offset) if first_offset else None)
    last = connection.execute(_SQL["read_last_block"], bound).fetchone()

    def max_log_times_ms(names: Sequence[Names]) -> Mapping[Names, int]:
        customers, metrics = map(list, zip(*names, strict=True))
        rows = connection.execute(_SQL["read_series"], bound | {"customers": customers, "metrics": metrics})
        return {(customer, metric): time_ms for customer, metric, time_ms in rows}

    next_offset, max_log_time_ms, *origin = row
    return PassEnd(
        next_offset,
        max_log_time_ms,
        Block(*last) if last else None,
        max_log_times_ms,
        origin=None if origin[0] is None else Origin(*origin),
    )


def write_pass(
    connection: Connection,
    partition: int,
    rule: Rule,
    from_offset: int,
    done: IndexPass,
    late: Sequence[LateEvents],
    rejected: Sequence[tuple[int, str]],
    heartbeats: int,
    topic_id: str = "",
) -> None:
    """Extend the index of a partition by the results of a pass, in one transaction.

    Args:
        connection: to the database.
        partition: its number.
        rule: of the pass.
        from_offset: where the index of the partition ends, as the pass knows it.
        done: the pass.
        late: its late events since it was last written.
        rejected: (Kafka offset, reason), likewise.
        heartbeats: how many of them there were, likewise.
        topic_id: of the topic that was read; empty where Kafka knows none.

    Raises:
        SmaError: the index no longer ends there, or has another rule: another run has begun it again.
    """
    names = [done.series[number] for number in range(len(done.series))]
    max_times = list(done.max_log_times_by_series())
    days = list(done.day_counts())
    counts = {
        "events": sum(gain.events for gain in done.days.values()),
        "late_events": sum(gain.late_events for gain in done.days.values()),
        "rejected_events": len(rejected),
        "heartbeats": heartbeats,
    }
    with connection.transaction():
        _require_continued(connection, partition, rule, from_offset, done.origin)
        if done.blocks:
            first_offset = done.blocks[0].first_offset
            connection.execute(_SQL["delete_blocks_from"], {"partition": partition, "first_offset": first_offset})
        _copy(connection, _SQL["copy_blocks"], [(partition, *_fields(block)) for block in done.blocks])
        for columns in late:
            _copy(connection, _SQL["copy_late"], [(partition, *row) for row in _late_rows(columns, names)])
        _copy(connection, _SQL["copy_rejected"], [(partition, *row) for row in rejected])
        _by_series(
            connection,
            _SQL["upsert_series"],
            partition,
            [names[number] for number, _ in max_times],
            newest=[ms for _, ms in max_times],
            first_offsets=[done.first_offsets.get(number) for number, _ in max_times],
            first_log_times=[done.first_log_times_ms.get(number) for number, _ in max_times],
        )
        _by_series(
            connection,
            _SQL["add_days"],
            partition,
            [names[number] for number, *_ in days],
            days=[day_of_number(day) for _, day, *_ in days],
            counts=[count for _, _, count, _ in days],
            late_counts=[late_count for *_, late_count in days],
            next_offset=done.next_offset,
        )
        record_days(connection, partition, done)
        record_split_series(connection, partition, done)
        bound = {"partition": partition, "next_offset": done.next_offset, "max_log_time_ms": done.max_log_time_ms}
        connection.execute(
            _SQL["record_partition"],
            bound
            | {"allowed_lateness_ms": rule.allowed_lateness_ms, "max_ahead_ms": rule.max_ahead_ms}
            | {"topic_id": topic_id or None}
            | _origin(done.origin)
            | counts,
        )


def _require_continued(
    connection: Connection, partition: int, rule: Rule, from_offset: int, origin: Origin | None
) -> None:
    row = connection.execute(_SQL["lock_indexed"], {"partition": partition}).fetchone()
    begins = 0 if origin is None else origin.kafka_offset
    next_offset, *rule_there = row or (begins, rule.allowed_lateness_ms, rule.max_ahead_ms)
    if next_offset != from_offset or Rule(*rule_there) != rule:
        raise SmaError(
            f"partition {partition} of the offset index was begun again by another run, with another allowed_lateness "
            "or max_ahead, while this one extended it: run this again with one averages.yaml"
        )


def _origin(origin: Origin | None) -> dict[str, int | None]:
    if origin is None:
        return dict.fromkeys(_ORIGIN_COLUMNS)
    values = (origin.kafka_offset, origin.appended_ms, origin.max_log_time_ms, origin.events_to_go)
    return dict(zip(_ORIGIN_COLUMNS, values, strict=True))


def _by_series(
    connection: Connection,
    statement: LiteralString,
    partition: int,
    names: Sequence[Names],
    **values: Sequence[Any] | int,
) -> None:
    if names:
        customers, metrics = zip(*names, strict=True)
        bound = {"partition": partition, "customers": list(customers), "metrics": list(metrics), **values}
        connection.execute(statement, bound)


def _fields(block: Block) -> tuple[Any, ...]:
    return tuple(getattr(block, name) for name in Block.__slots__)


def _late_rows(late: LateEvents, names: Sequence[Names]) -> list[tuple[Any, ...]]:
    columns = (
        late.kafka_offsets,
        late.series_ids,
        late.event_times_ms,
        late.values_micros,
        late.max_log_times_before_ms,
    )
    return [
        (offset, *names[number], *rest) for offset, number, *rest in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _copy(connection: Connection, statement: LiteralString, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        with connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
