"""Reads the partitions of a topic, and the Kafka offsets at which they begin, end, or have a given time.

How a topic is set up is in `clients.kafka.topics`, how far a consumer group has committed in `clients.kafka.groups`.
"""

from collections.abc import Sequence

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.connection import ask
from clients.kafka.topics import describe_topics, id_of
from sma.errors import SmaError
from sma.settings import KafkaSettings

_START = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def partitions(settings: KafkaSettings, topic: str, timeout_s: float = ANSWER_TIMEOUT_S) -> list[int]:
    """Return the numbers of a topic's partitions.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    numbers = _partitions(settings, topic, timeout_s)
    if not numbers:
        raise _missing(settings, topic)
    return numbers


def topic_id(settings: KafkaSettings, topic: str) -> str:
    """Return the id that Kafka gave a topic when it was made; one of the same name made later has another.

    It is empty where Kafka knows none, as before 2.8.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    described = describe_topics(settings, [topic]).get(topic)
    if described is None:
        raise _missing(settings, topic)
    return id_of(described)


def starts(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Return the first Kafka offset that each partition of a topic still holds.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    return _offsets(settings, topic, partitions(settings, topic), _START)


def ends(settings: KafkaSettings, topic: str, *, read_committed: bool = False) -> dict[int, int]:
    """Return the Kafka offset that the next record of each partition of a topic gets.

    Args:
        settings: where Kafka is.
        topic: the topic.
        read_committed: whether a partition ends before its first transaction that is still open.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    return _offsets(settings, topic, partitions(settings, topic), _END, read_committed=read_committed)


def offsets_at(settings: KafkaSettings, topic: str, time_ms: int) -> dict[int, int]:
    """Return the Kafka offset of the first record with a timestamp at or after a time; the end where there is none.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    numbers = partitions(settings, topic)
    offsets, last = (_offsets(settings, topic, numbers, spec) for spec in (OffsetSpec.for_timestamp(time_ms), _END))
    return {partition: last[partition] if offset < 0 else offset for partition, offset in offsets.items()}


def record_count(settings: KafkaSettings, topic: str) -> int:
    """Return how many Kafka offsets a topic holds; 0 where there is no such topic.

    Raises:
        SmaError: Kafka does not answer.
    """
    numbers = _partitions(settings, topic, ANSWER_TIMEOUT_S)
    if not numbers:
        return 0
    first, last = (_offsets(settings, topic, numbers, spec) for spec in (_START, _END))
    return sum(last[partition] - first[partition] for partition in numbers)


def _missing(settings: KafkaSettings, topic: str) -> SmaError:
    return SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {topic}: run `sma up`")


def _partitions(settings: KafkaSettings, topic: str, timeout_s: float) -> list[int]:
    described = describe_topics(settings, [topic], timeout_s).get(topic)
    return sorted(partition.id for partition in described.partitions) if described else []


def _offsets(
    settings: KafkaSettings, topic: str, numbers: Sequence[int], spec: OffsetSpec, *, read_committed: bool = False
) -> dict[int, int]:
    isolation = IsolationLevel.READ_COMMITTED if read_committed else IsolationLevel.READ_UNCOMMITTED
    wanted = {TopicPartition(topic, partition): spec for partition in numbers}

    def list_offsets(admin: AdminClient) -> dict[int, int]:
        futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=ANSWER_TIMEOUT_S)
        return {place.partition: int(future.result(ANSWER_TIMEOUT_S + 1).offset) for place, future in futures.items()}

    return ask(settings, list_offsets, f"Describe on Topic:{topic}")
