"""Lists a topic's partitions and the Kafka offsets that the log holds.

`batch.log.reader` reads records; `batch.log.consumer_group` reads how far a group has committed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from sma.errors import SmaError
from sma.settings import Settings

ANSWER_TIMEOUT_SECONDS = 10.0
# a broker needs a moment to lead a topic that was just made
_NOT_YET = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The Kafka offsets start <= offset < end of one partition."""

    start: int
    end: int


def retained_ranges(settings: Settings, topic: str) -> dict[int, OffsetRange]:
    """Return what each partition of a topic retains, up to the first transaction that is still open.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    partitions = partitions_of(settings, topic)
    try:
        admin = admin_client(settings.kafka_bootstrap)
        starts = _list_offsets(admin, topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = _list_offsets(admin, topic, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    except KafkaException as error:
        raise no_answer(settings, error) from error
    return {partition: OffsetRange(start, ends[partition]) for partition, start in starts.items()}


def partitions_of(settings: Settings, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    try:
        admin = admin_client(settings.kafka_bootstrap)
        described = admin.list_topics(topic, timeout=ANSWER_TIMEOUT_SECONDS).topics[topic]
    except KafkaException as error:
        raise no_answer(settings, error) from error
    if described.error is not None or not described.partitions:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {topic!r}: `sma up` creates it")
    return sorted(described.partitions)


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, KafkaException) and error.args[0].code() in _NOT_YET),
    stop=stop_after_delay(ANSWER_TIMEOUT_SECONDS),
    wait=wait_fixed(0.2),
    reraise=True,
)
def _list_offsets(admin: AdminClient, topic: str, partitions: list[int], which: Any) -> dict[int, int]:
    futures = admin.list_offsets(
        {TopicPartition(topic, partition): which for partition in partitions},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=ANSWER_TIMEOUT_SECONDS,
    )
    return {held.partition: future.result().offset for held, future in futures.items()}


@cache
def admin_client(bootstrap: str) -> AdminClient:
    """Return the one of this process: to make one and to connect takes fifty times as long as to ask."""
    return AdminClient(client_config(bootstrap))


def client_config(bootstrap: str) -> dict[str, Any]:
    """Return what every client of the batch layer is made with."""
    # 2 is critical: the client would print each refused connection, and every failure is raised here anyway
    return {"bootstrap.servers": bootstrap, "log_level": 2, "error_cb": lambda _: None}


def no_answer(settings: Settings, error: KafkaException) -> SmaError:
    """Return the one line that a user is told."""
    reason = error.args[0].str() if error.args else str(error)
    return SmaError(f"Kafka at {settings.kafka_bootstrap}: {reason}: is it running? `sma status`, `sma up`")
