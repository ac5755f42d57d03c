"""Keeps what is known of the newest records of each partition of the log, from their bounded tails.

A newest log time that is a little too low is safe: a heartbeat closes less. So of many new records the last few are
read, and what was read before is remembered. A topic that was made again is another one: nothing of it is remembered.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from clients.kafka.offsets import ends, starts, topic_id
from heartbeats.records import Record, read_ranges
from heartbeats.rule import Tail
from sma.event import NO_TIMESTAMP_MS, Rejected, read_record
from sma.settings import KafkaSettings

TAIL_OFFSETS = 200  # of each partition, at each look


class Tails:
    """The tails of the topic `events`, brought up to date by `look`."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Read nothing yet."""
        self.topic_id = ""
        self._settings = settings.kafka_as("heartbeats")
        self._tails: dict[int, Tail] = {}
        self._read_to: dict[int, int] = {}

    def look(self, max_ahead_ms: int, floors: Mapping[str, Mapping[int, int]] | None = None) -> dict[int, Tail]:
        """Read what is new, and return the tail of each partition.

        Args:
            max_ahead_ms: as for `sma.event.read_record`.
            floors: topic id -> partition -> a log time that the partition has, as another reader of it found.

        Raises:
            SmaError: Kafka does not answer, or has no such topic.
        """
        topic = self._settings.events_topic
        self._forget_another_topic()
        first, after_last = starts(self._settings, topic), ends(self._settings, topic, read_committed=True)
        ranges = {
            number: (max(self._read_to.get(number, 0), end - TAIL_OFFSETS, first[number]), end)
            for number, end in after_last.items()
        }
        new: dict[int, list[Record]] = defaultdict(list)
        for record in read_ranges(self._settings, topic, ranges):
            new[record.partition].append(record)
        for number, floor_ms in (floors or {}).get(self.topic_id, {}).items() if self.topic_id else ():
            self._raise(number, floor_ms)
        for number, end in after_last.items():
            self._tails.setdefault(number, Tail())
            for record in new[number]:
                self._take(record, max_ahead_ms)
            self._read_to[number] = end
        return {number: self._tails[number] for number in sorted(after_last)}

    def is_present(self) -> bool:
        """Tell whether the topic is still the one that was looked at last.

        Raises:
            SmaError: Kafka does not answer, or has no such topic.
        """
        return topic_id(self._settings, self._settings.events_topic) == self.topic_id

    def note_written(self, partition: int, heartbeat_ms: int, timestamp_ms: int) -> None:
        """Take a heartbeat that was written: it cannot be read while a transaction before it is open."""
        self._raise(partition, min(heartbeat_ms, timestamp_ms))
        self._tails[partition] = replace(self._tails[partition], last_timestamp_ms=timestamp_ms)

    def _forget_another_topic(self) -> None:
        if not self.is_present():
            self._tails, self._read_to = {}, {}
            self.topic_id = topic_id(self._settings, self._settings.events_topic)

    def _take(self, record: Record, max_ahead_ms: int) -> None:
        read = read_record(record.key, record.value, record.timestamp_ms, max_ahead_ms)
        if not isinstance(read, Rejected):
            self._raise(record.partition, read.log_time_ms)
        if record.timestamp_ms != NO_TIMESTAMP_MS:
            self._tails[record.partition] = replace(
                self._tails[record.partition], last_timestamp_ms=record.timestamp_ms
            )

    def _raise(self, partition: int, log_time_ms: int) -> None:
        tail = self._tails.setdefault(partition, Tail())
        if tail.max_log_time_ms is None or tail.max_log_time_ms < log_time_ms:
            self._tails[partition] = replace(tail, max_log_time_ms=log_time_ms)
