"""The offset index in the database, as the pass that extends it needs it: where to go on, and what it has found.

What stands in the tables is told in sql/migrations/0007_offset_index.sql. What a pass has found is written whole or not
at all. What the index says of the log is read in `batch.index.log_index`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from batch.index.closed_days import EPOCH_DAY
from batch.index.index_pass import Block, IndexPass, LateEvents, Reached
from batch.index.log_index import Rule
from batch.store.database import Connection

_LOCK = "SELECT pg_advisory_lock(hashtext('sma.indexed_partitions'), %(partition)s)"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('sma.indexed_partitions'), %(partition)s)"
_READ_REACHED = """
SELECT
    next_offset,
    newest_time_ms
FROM sma.indexed_partitions
WHERE kafka_partition = %(partition)s
"""
_READ_LAST_BLOCK = """
SELECT
    first_offset,
    next_offset,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    oldest_event_ms,
    newest_event_ms
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
ORDER BY first_offset DESC
LIMIT 1
"""
_READ_SERIES = """
SELECT
    customer,
    metric,
    newest_event_ms
FROM sma.indexed_series
WHERE kafka_partition = %(partition)s
"""
_DELETE_FROM = """
DELETE FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND first_offset >= %(first_offset)s
"""
_COPY_BLOCKS = """
COPY sma.offset_blocks (
    kafka_partition,
    first_offset,
    next_offset,
    event_count,
    late_event_count,
    rejected_event_count,
    heartbeat_count,
    oldest_event_ms,
    newest_event_ms
)
FROM STDIN
"""
_COPY_LATE = """
COPY sma.late_events (
    kafka_partition,
    kafka_offset,
    customer,
    metric,
    event_time_ms,
    value_micros,
    newest_event_ms
)
FROM STDIN
"""
_COPY_REJECTED = "COPY sma.rejected_events (kafka_partition, kafka_offset, reason) FROM STDIN"
_UPSERT_SERIES = """
INSERT INTO sma.indexed_series (kafka_partition, customer, metric, newest_event_ms)
SELECT
    %(partition)s,
    *
FROM unnest(%(customers)s::text[], %(metrics)s::text[], %(newest)s::bigint[])
ON CONFLICT (kafka_partition, customer, metric) DO UPDATE
SET newest_event_ms = excluded.newest_event_ms
WHERE indexed_series.newest_event_ms < excluded.newest_event_ms
"""
_ADD_DAYS = """
INSERT INTO sma.series_days AS counted (kafka_partition, customer, metric, day, event_count, next_offset)
SELECT
    %(partition)s,
    *,
    %(next_offset)s
FROM unnest(%(customers)s::text[], %(metrics)s::text[], %(days)s::date[], %(counts)s::bigint[])
ON CONFLICT (kafka_partition, day, customer, metric) DO UPDATE
SET event_count = counted.event_count + excluded.event_count,
    next_offset = excluded.next_offset
"""
_RECORD_PARTITION = """
INSERT INTO sma.indexed_partitions (
    kafka_partition,
    next_offset,
    newest_time_ms,
    allowed_lateness_ms,
    max_ahead_ms
)
VALUES (
    %(partition)s,
    %(next_offset)s,
    %(newest_time_ms)s,
    %(allowed_lateness_ms)s,
    %(max_ahead_ms)s
)
ON CONFLICT (kafka_partition) DO UPDATE
SET next_offset = excluded.next_offset,
    newest_time_ms = excluded.newest_time_ms,
    indexed_at = now()
"""
_FORGET = """
TRUNCATE
    sma.indexed_partitions,
    sma.offset_blocks,
    sma.indexed_series,
    sma.series_days,
    sma.late_events,
    sma.rejected_events
"""


@contextmanager
def locked_partition(connection: Connection, partition: int) -> Iterator[None]:
    """Let no other connection extend the index of a partition meanwhile; wait until no other does."""
    connection.execute(_LOCK, {"partition": partition})
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute(_UNLOCK, {"partition": partition})


def forget(connection: Connection) -> None:
    """Empty the index: the next pass reads the log from its beginning."""
    connection.execute(_FORGET)


def read_reached(connection: Connection, partition: int) -> Reached:
    """Return where the next pass over a partition begins."""
    bound = {"partition": partition}
    row = connection.execute(_READ_REACHED, bound).fetchone()
    if row is None:
        return Reached(0, None, None, {})
    last = connection.execute(_READ_LAST_BLOCK, bound).fetchone()
    series = connection.execute(_READ_SERIES, bound).fetchall()
    newest_by_series = {(customer, metric): newest for customer, metric, newest in series}
    next_offset, newest_time_ms = row
    return Reached(next_offset, newest_time_ms, Block(*last) if last else None, newest_by_series)


def write_pass(
    connection: Connection,
    partition: int,
    rule: Rule,
    done: IndexPass,
    late: Sequence[LateEvents],
    rejected: Sequence[tuple[int, str]],
) -> None:
    """Extend the index of a partition by what a pass has found, in one transaction.

    Args:
        connection: to the database.
        partition: its number.
        rule: by which the pass judged.
        done: the pass.
        late: what it found late since it was last written.
        rejected: (Kafka offset, reason) likewise.
    """
    names = [done.series[number] for number in range(len(done.series))]
    newest = list(done.newest_by_series())
    days = list(done.day_counts())
    with connection.transaction():
        if done.blocks:
            first_offset = done.blocks[0].first_offset
            connection.execute(_DELETE_FROM, {"partition": partition, "first_offset": first_offset})
        _copy(connection, _COPY_BLOCKS, [(partition, *_fields(block)) for block in done.blocks])
        for columns in late:
            _copy(connection, _COPY_LATE, [(partition, *row) for row in _late_rows(columns, names)])
        _copy(connection, _COPY_REJECTED, [(partition, *row) for row in rejected])
        _by_series(
            connection,
            _UPSERT_SERIES,
            partition,
            [names[number] for number, _ in newest],
            newest=[ms for _, ms in newest],
        )
        _by_series(
            connection,
            _ADD_DAYS,
            partition,
            [names[number] for number, _, _ in days],
            days=[EPOCH_DAY + timedelta(days=day) for _, day, _ in days],
            counts=[count for *_, count in days],
            next_offset=done.next_offset,
        )
        reached = {"partition": partition, "next_offset": done.next_offset, "newest_time_ms": done.newest_time_ms}
        connection.execute(
            _RECORD_PARTITION,
            reached | {"allowed_lateness_ms": rule.allowed_lateness_ms, "max_ahead_ms": rule.max_ahead_ms},
        )


def _by_series(
    connection: Connection,
    statement: str,
    partition: int,
    names: Sequence[tuple[str, str]],
    **values: Sequence[Any] | int,
) -> None:
    if names:
        customers, metrics = zip(*names, strict=True)
        bound = {"partition": partition, "customers": list(customers), "metrics": list(metrics), **values}
        connection.execute(statement.encode(), bound)


def _fields(block: Block) -> tuple[Any, ...]:
    return tuple(getattr(block, name) for name in Block.__slots__)


def _late_rows(late: LateEvents, names: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    columns = (late.kafka_offsets, late.series_ids, late.event_times_ms, late.values_micros, late.newest_event_ms)
    return [
        (offset, *names[number], *rest) for offset, number, *rest in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _copy(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        with connection.cursor().copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)
