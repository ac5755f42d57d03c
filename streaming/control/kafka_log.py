"""Reads how far the log reaches, and how far the stream has read it, as Kafka offsets by partition."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from sma.errors import SmaError
from sma.settings import Settings

TIMEOUT_S = 10.0
COORDINATOR_TIMEOUT_S = 30.0
RETRY_S = 0.2

_START = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_NO_GROUP = frozenset({KafkaError.GROUP_ID_NOT_FOUND})
_NOT_YET = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
_SILENT = logging.getLogger("streaming.control.kafka_log.client")  # what goes wrong is said in the error
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class KafkaLog:
    """The topics of `settings`, as the broker tells."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily: the first question asks the broker."""
        self._bootstrap = settings.kafka_bootstrap
        self._topic = settings.events_topic
        self._group = settings.consumer_group
        self._admin = AdminClient(
            {"bootstrap.servers": self._bootstrap, "socket.timeout.ms": 10_000, "log_level": 0}, logger=_SILENT
        )

    def partition_count(self) -> int:
        """Return how many partitions the topic `events` has."""
        return len(self._partitions(self._topic))

    def starts(self) -> dict[int, int]:
        """Return the first offset that each partition of `events` still holds."""
        return self._offsets(self._topic, _START)

    def ends(self) -> dict[int, int]:
        """Return the offset that the next record of each partition of `events` gets."""
        return self._offsets(self._topic, _END)

    def offsets_at(self, time_ms: int) -> dict[int, int]:
        """Return the offset of the first record with a timestamp at or after a time; the end where there is none."""
        found = self._offsets(self._topic, OffsetSpec.for_timestamp(time_ms))  # type: ignore[no-untyped-call]
        return {partition: end if found[partition] < 0 else found[partition] for partition, end in self.ends().items()}

    def time_span(self, from_offsets: Mapping[int, int], to_offsets: Mapping[int, int]) -> tuple[int, int] | None:
        """Return the least and the most of the timestamps at the ends of the ranges; None if all are empty."""
        places = [
            TopicPartition(self._topic, partition, offset)
            for partition, end in to_offsets.items()
            if end > from_offsets[partition]
            for offset in (from_offsets[partition], end - 1)
        ]
        found = [time_ms for place in places if (time_ms := self._timestamp(place)) is not None]
        return (min(found), max(found)) if found else None

    def _timestamp(self, place: TopicPartition) -> int | None:
        consumer = Consumer(
            {"bootstrap.servers": self._bootstrap, "group.id": self._group, "enable.auto.commit": False, "log_level": 0}
        )
        try:
            consumer.assign([place])
            record = consumer.poll(TIMEOUT_S)
        finally:
            consumer.close()
        return None if record is None or record.error() else int(record.timestamp()[1])

    def read_to(self) -> dict[int, int]:
        """Return the first offset of each partition that no completed checkpoint of the stream covers.

        A partition of which none is known stands at its start.
        """
        request = ConsumerGroupTopicPartitions(self._group)
        answer = self._ask(
            lambda: self._admin.list_consumer_group_offsets([request], request_timeout=TIMEOUT_S)[self._group]
        )
        committed = {place.partition: place.offset for place in answer.topic_partitions if place.topic == self._topic}
        return {partition: max(start, committed.get(partition, start)) for partition, start in self.starts().items()}

    def forget_read_to(self) -> None:
        """Forget how far the stream has read: one that starts empty has read nothing."""
        try:
            self._ask(lambda: self._admin.delete_consumer_groups([self._group], request_timeout=TIMEOUT_S)[self._group])
        except SmaError as error:
            if not _is(error.__cause__, _NO_GROUP):
                raise

    def record_count(self, topic: str) -> int:
        """Return how many records a topic holds; 0 where there is no such topic."""
        if topic not in self._topics():
            return 0
        starts, ends = self._offsets(topic, _START), self._offsets(topic, _END)
        return sum(end - starts[partition] for partition, end in ends.items())

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        return {
            partition: int(self._ask(partial(self._offset, TopicPartition(topic, partition), spec)).offset)
            for partition in self._partitions(topic)
        }

    def _offset(self, place: TopicPartition, spec: OffsetSpec) -> Future[Any]:
        (future,) = self._admin.list_offsets({place: spec}, request_timeout=TIMEOUT_S).values()
        return future

    def _partitions(self, topic: str) -> list[int]:
        metadata = self._topics().get(topic)
        if metadata is None or not metadata.partitions:
            raise SmaError(f"Kafka at {self._bootstrap} has no topic {topic}: run `sma up`")
        return sorted(metadata.partitions)

    def _topics(self) -> dict[str, Any]:
        try:
            topics: dict[str, Any] = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise self._no_answer(error) from error
        return topics

    def _ask(self, question: Callable[[], Future[Any]]) -> Any:
        """Return the answer; a broker may need a moment before it knows its groups, or that it leads a new topic."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception(lambda error: _is(error, _NOT_YET)),
                stop=stop_after_delay(COORDINATOR_TIMEOUT_S),
                wait=wait_fixed(RETRY_S),
                reraise=True,
            ):
                with attempt:
                    answer = question().result(TIMEOUT_S + 1)
        except (KafkaException, TimeoutError) as error:
            raise self._no_answer(error) from error
        return answer

    def _no_answer(self, error: Exception) -> SmaError:
        detail = error.args[0] if error.args else "no answer"
        text = detail.str() if isinstance(detail, KafkaError) else detail
        return SmaError(f"Kafka does not answer at {self._bootstrap} ({text}): run `sma up`")


def _is(error: BaseException | None, codes: frozenset[int]) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in codes
