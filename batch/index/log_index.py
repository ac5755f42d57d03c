"""Reads how far the offset index reaches in each partition, and how many records of each kind it has counted."""

from dataclasses import dataclass

from batch.store.database import Connection
from batch.store.statements import load_statements
from sma.averages import Averages

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Rule:
    """By which the index tells late events and rejected records from others; milliseconds."""

    allowed_lateness_ms: int
    max_ahead_ms: int

    @classmethod
    def of(cls, averages: Averages) -> "Rule":
        """Return the rule of averages.yaml."""
        return cls(averages.allowed_lateness_ms, averages.max_ahead_ms)


@dataclass(frozen=True, slots=True)
class IndexedPartition:
    """What one partition holds at 0 <= Kafka offset < next_offset; `events` are those that are not late.

    `next_offset` is one past the last record, so that control records behind it are not waited for.
    `max_time_ms` is the newest time of an event or heartbeat; None where there is none.
    """

    kafka_partition: int
    next_offset: int
    max_time_ms: int | None
    events: int
    late_events: int
    rejected_events: int
    heartbeats: int

    @property
    def records(self) -> int:
        """How many records there are."""
        return self.events + self.late_events + self.rejected_events + self.heartbeats


@dataclass(frozen=True, slots=True)
class LogIndex:
    """Every partition that has been indexed, in order."""

    partitions: tuple[IndexedPartition, ...]

    @property
    def records(self) -> int:
        """How many records the index has seen."""
        return sum(partition.records for partition in self.partitions)

    @property
    def read_to(self) -> dict[int, int]:
        """The first Kafka offset that is not indexed, by partition."""
        return {partition.kafka_partition: partition.next_offset for partition in self.partitions}


def read_index(connection: Connection) -> LogIndex:
    """Return how far the index reaches; a partition that was never indexed is not there."""
    return LogIndex(tuple(IndexedPartition(*row) for row in connection.execute(_SQL["read_partitions"])))


def read_rules(connection: Connection) -> set[Rule]:
    """Return by which rules the index was made: one, or none where it is empty."""
    return {Rule(*row) for row in connection.execute(_SQL["read_rules"])}


def read_event_time_bounds(connection: Connection) -> tuple[int, int] | None:
    """Return the oldest and the newest event time, in ms since the Unix epoch; None where there is no event."""
    ((oldest, newest),) = connection.execute(_SQL["read_bounds"]).fetchall()
    return None if oldest is None else (oldest, newest)
