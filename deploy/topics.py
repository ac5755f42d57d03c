"""Creates the topics that the system needs, and checks the settings of existing ones.

Kafka stamps each record when it takes it (LogAppendTime), so no producer's clock can set the time of a record. What is
kept of `events` is limited by its size.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]
from tenacity import Retrying, retry, retry_if_result, stop_after_delay, wait_fixed

from clients.answers import TOPICS_TIMEOUT_S
from clients.kafka.connection import RETRY_S, SETTLING_S, admin, ask, failure
from clients.kafka.groups import GroupInUse, delete_group
from clients.kafka.offsets import topic_config, topics
from sma.errors import SmaError
from sma.settings import KafkaSettings

_APPEND_TIME = "LogAppendTime"
_NO_LIMIT = str(2**63 - 1)

_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str]


def wanted_topics(settings: KafkaSettings) -> list[Topic]:
    """Return the topics of a system with these settings."""
    keep = {
        "message.timestamp.type": _APPEND_TIME,
        "message.timestamp.after.max.ms": _NO_LIMIT,  # or a producer whose clock is ahead fails, as the stream's could
        "retention.ms": "-1",
        "cleanup.policy": "delete",
    }
    events = Topic(
        settings.events_topic, settings.partitions, {**keep, "retention.bytes": str(settings.retention_bytes)}
    )
    others = (settings.late_events_topic, settings.rejected_events_topic)
    # a row that is emitted again replaces the earlier one: subscribers need only the last of each key
    averages = Topic(settings.moving_averages_topic, settings.partitions, {**keep, "cleanup.policy": "compact"})
    return [
        events,
        *(Topic(name, settings.partitions, {**keep, "retention.bytes": "-1"}) for name in others),
        averages,
    ]


def create_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that do not exist yet; return their names.

    Raises:
        SmaError: Kafka cannot be reached, or an existing topic would lose or misread events.
    """
    created = []
    for topic, future in _request_topics(settings).items():
        try:
            future.result()
            created.append(topic)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise failure(settings, error, f"topic {topic}", [f"Create on Topic:{topic}"]) from error
    await_topics(
        {topic.name for topic in wanted_topics(settings)}, lambda: topics(settings, TOPICS_TIMEOUT_S), SETTLING_S
    )
    check_topics(settings)
    return created


def await_topics(names: set[str], listed: Callable[[], Iterable[str]], limit_s: float) -> None:
    """Wait until the brokers know the topics that the controller has created; it is ahead of them on a busy machine.

    Args:
        names: of the topics.
        listed: gives those that a broker knows.
        limit_s: after so many seconds, return without them.
    """
    waiting = Retrying(
        stop=stop_after_delay(limit_s),
        wait=wait_fixed(RETRY_S),
        retry=retry_if_result(bool),
        retry_error_callback=lambda _: None,
    )
    waiting(lambda: names.difference(listed()))


def check_topics(settings: KafkaSettings, timeout_s: float = TOPICS_TIMEOUT_S) -> None:
    """Refuse existing topics whose settings the system cannot work with.

    Args:
        settings: where Kafka is, and what the system needs.
        timeout_s: how long to wait for each response of Kafka.

    Raises:
        SmaError: the first fault, and how to fix it.
    """
    partition_counts = {name: len(partitions) for name, partitions in topics(settings, timeout_s).items()}
    for topic in wanted_topics(settings):
        if topic.name not in partition_counts:
            raise SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {topic.name}: run `sma up`")
        fault = topic_fault(topic, partition_counts[topic.name], topic_config(settings, topic.name, timeout_s))
        if fault:
            raise SmaError(f"topic {topic.name}: {fault}")


def topic_fault(topic: Topic, partitions: int, config: dict[str, str]) -> str | None:
    """Return what is wrong with an existing topic and how to fix it; None if nothing is.

    Args:
        topic: as it should be.
        partitions: how many it has.
        config: its configuration, in Kafka's spelling.
    """
    if partitions != topic.partitions:
        return f"has {partitions} partitions, not {topic.partitions}: set SMA_PARTITIONS={partitions}, or delete it"
    if config.get("retention.ms") != "-1" and config.get("message.timestamp.type") != _APPEND_TIME:
        return (
            f"retention.ms is {config.get('retention.ms')}, and its records have the producers' timestamps: events of "
            f"old times would be deleted at once; set message.timestamp.type={_APPEND_TIME} or retention.ms=-1 on it"
        )
    if "compact" in config.get("cleanup.policy", "") and topic.config["cleanup.policy"] == "delete":
        return "cleanup.policy is compact: events of a series would be lost; set cleanup.policy=delete on it"
    return None


def reset_topics(settings: KafkaSettings) -> None:
    """Delete the topics with all that is in them, and create them again; nothing may be reading or writing them.

    Raises:
        SmaError: Kafka cannot be reached, or a topic is not gone after some seconds.
    """
    delete_topics(settings)
    _recreate_topics(settings)


def delete_topics(settings: KafkaSettings) -> None:
    """Delete the topics with all that is in them, and the stream's consumer group.

    Raises:
        SmaError: Kafka cannot be reached.
    """
    there = topics(settings, TOPICS_TIMEOUT_S)
    names = [topic.name for topic in wanted_topics(settings) if topic.name in there]
    if names:
        ask(settings, partial(_delete, names), f"Delete on Topic:{', '.join(names)}")
    with suppress(GroupInUse):
        delete_group(settings, settings.consumer_group)


def _delete(names: list[str], client: AdminClient) -> None:
    deleted = client.delete_topics(names, operation_timeout=TOPICS_TIMEOUT_S, request_timeout=2 * TOPICS_TIMEOUT_S)
    for future in deleted.values():
        future.result()


@retry(
    stop=stop_after_delay(2 * TOPICS_TIMEOUT_S),
    wait=wait_fixed(0.2),
    retry=retry_if_result(bool),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)
def _missing_or_full(settings: KafkaSettings) -> list[str]:
    """Return the topics that are not yet there, or still the old ones."""
    for future in _request_topics(settings).values():
        try:
            future.result()
        except KafkaException:  # still being deleted, or there already; the check below decides
            continue
    there = topics(settings, TOPICS_TIMEOUT_S)
    return [topic.name for topic in wanted_topics(settings) if not _is_empty(settings, there, topic)]


def _recreate_topics(settings: KafkaSettings) -> None:
    left = _missing_or_full(settings)
    if left:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap}: could not delete and create again: {', '.join(left)}")
    check_topics(settings)


def _is_empty(settings: KafkaSettings, there: dict[str, list[int]], topic: Topic) -> bool:
    if topic.name not in there or len(there[topic.name]) != topic.partitions:
        return False
    request = {TopicPartition(topic.name, partition): _END for partition in range(topic.partitions)}
    try:
        return all(future.result().offset == 0 for future in admin(settings).list_offsets(request).values())
    except KafkaException:  # no leader yet
        return False


def _request_topics(settings: KafkaSettings) -> dict[str, Any]:
    wanted = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=topic.config)
        for topic in wanted_topics(settings)
    ]
    return admin(settings).create_topics(
        wanted, operation_timeout=TOPICS_TIMEOUT_S, request_timeout=2 * TOPICS_TIMEOUT_S
    )
