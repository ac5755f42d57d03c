"""Reads the ends of the log, and how far the stream has read it and can read it, as Kafka offsets by partition.

It names the topic and the group; `clients.kafka` sends the requests.
"""

from collections.abc import Mapping

from confluent_kafka import KafkaException

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka import groups, offsets
from clients.kafka.connection import reading
from clients.kafka.open_transactions import OpenTransaction, open_transactions
from clients.kafka.readable import ReadableEnds
from sma.settings import StreamingSettings


class KafkaLog:
    """The topic `events` and the stream's consumer group; each method raises SmaError where Kafka does not answer."""

    def __init__(self, settings: StreamingSettings) -> None:
        """Ask nothing yet."""
        self._settings = settings.kafka_as("stream")
        self._topic = settings.events_topic
        self._group = settings.consumer_group
        self._readable = ReadableEnds(self._settings, self._topic)

    def partition_count(self) -> int:
        """Return how many partitions the topic `events` has."""
        return len(offsets.partitions(self._settings, self._topic))

    def topic_id(self) -> str:
        """Return the id of the topic `events`; empty where Kafka knows none."""
        return offsets.topic_id(self._settings, self._topic)

    def starts(self) -> dict[int, int]:
        """Return the first offset that each partition of `events` retains."""
        return offsets.starts(self._settings, self._topic)

    def ends(self) -> dict[int, int]:
        """Return the offset that the next record of each partition of `events` gets."""
        return offsets.ends(self._settings, self._topic)

    def stable_ends(self) -> dict[int, int]:
        """Return the offset before which each partition of `events` can be read now: no transaction is open before."""
        return offsets.ends(self._settings, self._topic, read_committed=True)

    def readable_ends(self, positions: Mapping[int, int], before: Mapping[int, int] | None = None) -> dict[int, int]:
        """Return the offset after the last record that can be read now, or the position if that is more.

        Of each partition of `events`; `before`: only records before these offsets count.
        """
        return self._readable.after(positions, before)

    def open_transactions(self, written_to: Mapping[int, int]) -> list[OpenTransaction]:
        """Return the oldest open transaction of each partition that began before an offset."""
        return open_transactions(self._settings, self._topic, written_to)

    def offsets_at(self, time_ms: int) -> dict[int, int]:
        """Return the offset of the first record with a timestamp at or after a time; at most the stable end."""
        stable = self.stable_ends()
        found = offsets.offsets_at(self._settings, self._topic, time_ms)
        return {partition: min(found[partition], end) for partition, end in stable.items()}

    def time_span(self, from_offsets: Mapping[int, int], to_offsets: Mapping[int, int]) -> tuple[int, int] | None:
        """Return the min and the max timestamp at the ends of the ranges; None if all are empty."""
        positions = [
            (partition, offset)
            for partition, end in to_offsets.items()
            if end > from_offsets[partition]
            for offset in (from_offsets[partition], end - 1)
        ]
        times_ms = [time_ms for each in positions if (time_ms := self._timestamp(*each)) is not None]
        return (min(times_ms), max(times_ms)) if times_ms else None

    def read_to(self) -> dict[int, int]:
        """Return the first offset of each partition that no completed checkpoint of the stream covers.

        For a partition without a committed offset, that is its start.
        """
        committed = groups.committed_offsets(self._settings, self._topic, self._group)
        return {partition: max(start, committed.get(partition, start)) for partition, start in self.starts().items()}

    def forget_read_to(self) -> None:
        """Forget how far the stream has read: a job that starts with empty state has read nothing."""
        groups.delete_group(self._settings, self._group)

    def require_committable(self) -> None:
        """Refuse to start a job that Kafka would not let commit how far it has read."""
        groups.require_committable(self._settings, self._group)

    def record_count(self, topic: str) -> int:
        """Return how many records a topic holds; 0 where there is no such topic."""
        return offsets.record_count(self._settings, topic)

    def _timestamp(self, partition: int, offset: int) -> int | None:
        with reading(self._settings, self._group, self._topic, {partition: offset}) as consumer:
            record = consumer.poll(ANSWER_TIMEOUT_S)
            if record is not None and (error := record.error()):
                raise KafkaException(error)
        return None if record is None else int(record.timestamp()[1])


def beginnings_gone(starts: Mapping[int, int]) -> dict[int, int]:
    """Return the first retained offset of each partition whose beginning Kafka no longer holds, of all `starts`."""
    return {partition: start for partition, start in sorted(starts.items()) if start > 0}
