"""Sends records to the topic `events` in order, partitioned as Java clients do, and counts every acknowledgement."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message

from clients.kafka.connection import failure, producer, why_unanswered
from clients.kafka.offsets import partitions
from produce.series import Records
from sma.averages import Averages
from sma.errors import SmaError
from sma.settings import KafkaSettings

POLL_EVENTS = 2_000
"""After how many events acknowledgements are counted and progress is shown."""

_FLUSH_SECONDS = 60.0
_GIVEN_UP_SECONDS = 5.0
_REFUSALS = (KafkaException, SystemError)  # a callback makes the latter of a fatal error, or loses its reason


@dataclass(slots=True)
class Published:
    """What Kafka acknowledged: counts, and the first and last Kafka offset taken in each partition."""

    events: int = 0
    heartbeats: int = 0
    offsets: dict[int, tuple[int, int]] = field(default_factory=dict)


class Publisher:
    """An idempotent producer for the topic `events`.

    Idempotence covers the client's own retries. A second run of a program that crashed sends its records again, under
    new Kafka offsets: they are new events.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect.

        Raises:
            SmaError: Kafka or the topic is not there.
        """
        settings = settings.kafka_as("producer")
        self.published = Published()
        self._topic = settings.events_topic
        self._settings = settings
        self._failure: KafkaError | str | None = None
        self._partitions = partitions(settings, settings.events_topic)
        options = {
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "compression.type": "lz4",
        }
        self._producer = producer(settings, **options)

    def send(
        self, batches: Iterable[Records], per_second: float | None = None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Send records in order, at most `per_second` a second; `progress` gets the count so far.

        Raises:
            SmaError: Kafka refused a record; what was acknowledged until then is in `published`.
        """
        began = time.monotonic()
        at_once = 1 if per_second else POLL_EVENTS
        count = shown = 0
        for records in batches:
            for start in range(0, len(records.keys), at_once):
                if per_second:
                    self._wait_until(began + (count + 1) / per_second)
                end = min(start + at_once, len(records.keys))
                self._enqueue_range(records, start, end)
                count += end - start
                if progress and count - shown >= POLL_EVENTS:
                    progress(count)
                    shown = count

    def send_heartbeats(self, heartbeat_ms: int) -> None:
        """Send one heartbeat to every partition, behind all records sent before."""
        value = b'{"heartbeat": %d}' % heartbeat_ms
        for partition in self._partitions:
            self._enqueue(None, value, max(heartbeat_ms, 0), self._count_heartbeat, partition)

    def finish(self) -> Published:
        """Wait for every acknowledgement and return what was acknowledged.

        Raises:
            SmaError: some records were not.
        """
        try:
            left = self._producer.flush(_FLUSH_SECONDS)
        except _REFUSALS as error:
            raise self._refused(error) from error
        self._raise_failure()
        if left:
            late = SmaError(f"Kafka topic {self._topic}: {left} records not acknowledged within {_FLUSH_SECONDS:.0f} s")
            raise why_unanswered(self._settings) or late
        return self.published

    def _enqueue_range(self, records: Records, start: int, end: int) -> None:
        """Hand a range of records to the client; a loop with as little work per record as possible."""
        produce, topic, count_event = self._producer.produce, self._topic, self._count_event
        keys, values, timestamps_ms = records.keys, records.values, records.timestamps_ms
        while start < end:
            self._raise_failure()
            try:
                for number in range(start, end):
                    # topic, value, key, partition, callback, on_delivery, timestamp
                    produce(topic, values[number], keys[number], -1, count_event, None, timestamps_ms[number])
                    start += 1
                self._producer.poll(0)
            except BufferError:  # the queue is full: let acknowledgements come in
                self._producer.poll(0.1)
            except _REFUSALS as error:
                raise self._refused(error) from error

    def _enqueue(
        self,
        key: bytes | None,
        value: bytes,
        timestamp_ms: int,
        on_delivery: Callable[[KafkaError | None, Message], None],
        partition: int = -1,
    ) -> None:
        while True:
            self._raise_failure()
            try:
                self._producer.produce(
                    self._topic,
                    key=key,
                    value=value,
                    partition=partition,
                    timestamp=timestamp_ms,
                    on_delivery=on_delivery,
                )
                self._producer.poll(0)
                return
            except BufferError:  # the queue is full: let acknowledgements come in
                self._producer.poll(0.1)
            except _REFUSALS as error:
                raise self._refused(error) from error

    def _wait_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.1))

    def _count_event(self, error: KafkaError | None, message: Message) -> None:
        if self._acknowledged(error, message):
            self.published.events += 1

    def _count_heartbeat(self, error: KafkaError | None, message: Message) -> None:
        if self._acknowledged(error, message):
            self.published.heartbeats += 1

    def _acknowledged(self, error: KafkaError | None, message: Message) -> bool:
        """Take an acknowledgement into the offsets of its partition; those of a partition come in order."""
        if error is not None:
            self._failure = self._failure or error
            return False
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None:
            self._failure = self._failure or "Kafka acknowledged a record without its offset"
            return False
        offsets = self.published.offsets
        offsets[partition] = (offsets[partition][0] if partition in offsets else offset, offset)
        return True

    def _lost_reason(self, error: SystemError) -> KafkaException:
        """Return why records are given up after a fatal error whose own reason a callback has lost."""
        with suppress(*_REFUSALS):
            self._producer.flush(_GIVEN_UP_SECONDS)
        if not isinstance(self._failure, KafkaError):
            raise error
        return KafkaException(self._failure)

    def _raise_failure(self) -> None:
        if isinstance(self._failure, KafkaError):
            raise self._refused(KafkaException(self._failure))
        if self._failure:
            raise SmaError(f"Kafka topic {self._topic}: {self._failure}")

    def _refused(self, error: KafkaException | SystemError) -> SmaError:
        if isinstance(error, SystemError):
            error = error.__cause__ if isinstance(error.__cause__, KafkaException) else self._lost_reason(error)
        write = f"Write on Topic:{self._topic}"
        needs = (write, f"{write} (or IdempotentWrite on Cluster)")  # Kafka before 2.8 wants the latter as well
        return failure(self._settings, error, f"topic {self._topic}", needs)


def closing_heartbeat_ms(averages: Averages, max_event_time_ms: int) -> int:
    """Return the heartbeat that lets every row close that an event up to `max_event_time_ms` makes."""
    last_as_of = max(average.as_ofs_made_by(max_event_time_ms)[-1] for average in averages.averages)
    return last_as_of + averages.watermark_delay_ms
