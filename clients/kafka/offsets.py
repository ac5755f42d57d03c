"""Reads the partitions of a topic, and the Kafka offsets at which they begin, end, or have a given time.

How far a consumer group has committed is in `clients.kafka.groups`.
"""

from collections.abc import Sequence

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType, TopicDescription  # type: ignore[attr-defined]

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.connection import ask
from sma.errors import SmaError
from sma.settings import KafkaSettings

_NO_ID = str(Uuid(0, 0))
_START = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def topics(settings: KafkaSettings, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, list[int]]:
    """Return the numbers of each topic's partitions.

    Raises:
        SmaError: Kafka does not answer.
    """
    listed = ask(settings, lambda admin: admin.list_topics(timeout=timeout_s)).topics
    return {name: sorted(topic.partitions) for name, topic in listed.items()}


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
    described = _describe(settings, topic, ANSWER_TIMEOUT_S)
    if described is None:
        raise _missing(settings, topic)
    return "" if str(described.topic_id) == _NO_ID else str(described.topic_id)


def topic_config(settings: KafkaSettings, topic: str, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, str]:
    """Return the configuration of a topic, in Kafka's spelling.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """

    def describe(admin: AdminClient) -> dict[str, str]:
        (future,) = admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, topic)], request_timeout=timeout_s
        ).values()
        return {key: entry.value for key, entry in future.result(timeout_s + 1).items()}

    return ask(settings, describe, f"DescribeConfigs on Topic:{topic}")


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
    described = _describe(settings, topic, timeout_s)
    return sorted(partition.id for partition in described.partitions) if described else []


def _describe(settings: KafkaSettings, topic: str, timeout_s: float) -> TopicDescription | None:
    """Return none for a topic that is not there; to list its metadata instead could make the topic."""

    def describe(admin: AdminClient) -> TopicDescription | None:
        future = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic]
        try:
            described: TopicDescription = future.result(timeout_s + 1)
            return described
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise

    return ask(settings, describe, f"Describe on Topic:{topic}")


def _offsets(
    settings: KafkaSettings, topic: str, numbers: Sequence[int], spec: OffsetSpec, *, read_committed: bool = False
) -> dict[int, int]:
    isolation = IsolationLevel.READ_COMMITTED if read_committed else IsolationLevel.READ_UNCOMMITTED
    wanted = {TopicPartition(topic, partition): spec for partition in numbers}

    def list_offsets(admin: AdminClient) -> dict[int, int]:
        futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=ANSWER_TIMEOUT_S)
        return {place.partition: int(future.result(ANSWER_TIMEOUT_S + 1).offset) for place, future in futures.items()}

    return ask(settings, list_offsets, f"Describe on Topic:{topic}")
