"""Reads how far each partition is indexed, and how many records of each kind it has."""

from collections.abc import Mapping
from dataclasses import dataclass

from batch.log.offsets import OffsetRange
from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Averages
from sma.errors import SmaError
from sma.instants import milliseconds

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Rule:
    """The durations, in milliseconds, by which the index classifies events as late and records as rejected."""

    allowed_lateness_ms: int
    max_ahead_ms: int

    @classmethod
    def of(cls, averages: Averages) -> "Rule":
        """Return the rule of averages.yaml."""
        return cls(averages.allowed_lateness_ms, averages.max_ahead_ms)


@dataclass(frozen=True, slots=True)
class IndexedPartition:
    """What one partition holds at first_offset <= Kafka offset < next_offset; `events` are those that are not late.

    `next_offset` is one past the last record, so that control records after it are not waited for.
    `max_log_time_ms` is that of an event or heartbeat; None where there is none. Up to `settled_ms` windows of the
    partition were closed when a batch result was computed; None where none was.
    """

    kafka_partition: int
    next_offset: int
    max_log_time_ms: int | None
    events: int
    late_events: int
    rejected_events: int
    heartbeats: int
    settled_ms: int | None = None
    first_offset: int = 0

    @property
    def records(self) -> int:
        """How many records there are."""
        return self.events + self.late_events + self.rejected_events + self.heartbeats


@dataclass(frozen=True, slots=True)
class LogIndex:
    """Every partition that has been indexed, in order.

    `settled_ms` is the largest low watermark that a stored batch result was computed with, in ms; None without one.
    """

    partitions: tuple[IndexedPartition, ...]
    settled_ms: int | None = None

    @property
    def records(self) -> int:
        """How many records are indexed."""
        return sum(partition.records for partition in self.partitions)

    @property
    def read_from(self) -> dict[int, int]:
        """The first Kafka offset that is indexed, by partition."""
        return {partition.kafka_partition: partition.first_offset for partition in self.partitions}

    @property
    def offsets(self) -> int:
        """How many Kafka offsets are indexed."""
        return sum(partition.next_offset - partition.first_offset for partition in self.partitions)

    @property
    def read_to(self) -> dict[int, int]:
        """The first Kafka offset that is not indexed, by partition."""
        return {partition.kafka_partition: partition.next_offset for partition in self.partitions}


def read_index(connection: Connection) -> LogIndex:
    """Return the indexed partitions; one that was never indexed is left out."""
    ((settled,),) = connection.execute(_SQL["read_settled"]).fetchall()
    partitions = tuple(IndexedPartition(*row) for row in connection.execute(_SQL["read_partitions"]))
    return LogIndex(partitions, None if settled is None else milliseconds(settled))


def read_read_to(connection: Connection) -> dict[int, int]:
    """Return `LogIndex.read_to` alone: what is counted is not read."""
    return dict(connection.execute(_SQL["read_read_to"]).fetchall())


def first_offsets(
    connection: Connection, ranges: Mapping[int, OffsetRange], indexed_to: Mapping[int, int]
) -> dict[int, int]:
    """Return where the next pass begins, by partition: the first one ever with what is retained.

    Stored results are of a log that was known from its beginning, or from an earlier origin: they stay.
    """
    if not indexed_to and read_index(connection).settled_ms is None:
        return {partition: retained.start for partition, retained in ranges.items()}
    return {partition: indexed_to.get(partition, 0) for partition in ranges}


def require_whole(connection: Connection, index: LogIndex, averages: Averages, read_to: Mapping[int, int]) -> None:
    """Refuse to judge by an index that is empty, incomplete or of another rule, as while another run makes it again.

    Args:
        connection: to the database, in the snapshot that the index was read in.
        index: what was read.
        averages: have the rule.
        read_to: how far each partition must be indexed.

    Raises:
        SmaError: it is not whole.
    """
    rules, indexed = read_rules(connection), index.read_to
    behind = sorted(partition for partition, offset in read_to.items() if indexed.get(partition, -1) < offset)
    if rules != {Rule.of(averages)} or behind:
        where = f"partition {behind[0]} is not indexed so far" if behind else "it is of another averages.yaml"
        raise SmaError(
            f"the offset index is being made again ({where}), so nothing was judged by it: run this again, with one "
            "averages.yaml"
        )


def read_rules(connection: Connection) -> set[Rule]:
    """Return the rules that the index was made by: one, or none where it is empty."""
    return {Rule(*row) for row in connection.execute(_SQL["read_rules"])}


def read_topic_ids(connection: Connection) -> set[str]:
    """Return the ids of the topics that were indexed: one, or none where the index is empty or older than they are."""
    return {topic_id for (topic_id,) in connection.execute(_SQL["read_topic_ids"])}
