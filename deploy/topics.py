"""Creates and deletes the topics that the system needs; `deploy.topic_reports` says what those that are there are like.

Kafka stamps each record when it takes it (LogAppendTime), so no producer's clock can set the time of a record. How much
of `events` is kept, and on how many brokers, is set (docs/settings.md).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
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
from clients.kafka.security import principal
from clients.kafka.topics import FoundTopic, describe_topics, find_topics, is_not_allowed
from deploy.topic_reports import APPEND_TIME, NO_LIMIT, TopicReport, report_topic
from sma.errors import SmaError
from sma.settings import KafkaSettings

_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str]


def topic_names(settings: KafkaSettings) -> list[str]:
    """Return the names of the topics of a system with these settings."""
    return [
        settings.events_topic,
        settings.late_events_topic,
        settings.rejected_events_topic,
        settings.moving_averages_topic,
    ]


def wanted_topics(settings: KafkaSettings) -> list[Topic]:
    """Return the topics as they are created with these settings."""
    keep = {
        "message.timestamp.type": APPEND_TIME,
        "message.timestamp.after.max.ms": str(NO_LIMIT),  # or a producer whose clock is ahead fails
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
    }
    if settings.min_insync_replicas >= 0:
        keep["min.insync.replicas"] = str(settings.min_insync_replicas)
    limits = {"retention.ms": str(settings.retention_ms), "retention.bytes": str(settings.retention_bytes)}
    # a row that is emitted again replaces the earlier one: subscribers need only the last of each key
    configs = [keep | limits, keep, keep, keep | {"cleanup.policy": "compact"}]
    return [
        Topic(name, settings.partitions, config) for name, config in zip(topic_names(settings), configs, strict=True)
    ]


def create_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that do not exist yet; return their names.

    Raises:
        SmaError: Kafka cannot be reached or refuses, or a topic that is there makes answers wrong.
    """
    found = find_topics(settings, topic_names(settings), TOPICS_TIMEOUT_S)
    _refuse_faults(report_topic(settings, topic) for topic in found.values())
    missing = [topic for topic in wanted_topics(settings) if topic.name not in found]
    created = []
    for topic, future in _request_topics(settings, missing).items():
        try:
            future.result()
            created.append(topic)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _not_created(settings, topic, error) from error
    names = [topic.name for topic in missing]
    await_topics(set(names), lambda: _led(settings, names), SETTLING_S)
    return created


def _led(settings: KafkaSettings, names: Collection[str]) -> set[str]:
    """Return the topics of which each partition has a leader."""
    described = describe_topics(settings, names, TOPICS_TIMEOUT_S)
    return {name for name, topic in described.items() if all(partition.leader for partition in topic.partitions)}


def _not_created(settings: KafkaSettings, name: str, error: KafkaException) -> SmaError:
    if error.args[0].code() == KafkaError.INVALID_REPLICATION_FACTOR:
        return failure(settings, error, f"topic {name} with SMA_REPLICATION_FACTOR={settings.replication_factor}")
    if not is_not_allowed(error.args[0]):
        return failure(settings, error, f"topic {name}")
    (topic,) = (topic for topic in wanted_topics(settings) if topic.name == name)
    config = " ".join(f"--config {key}={value}" for key, value in topic.config.items())
    return SmaError(
        f"Kafka at {settings.kafka_bootstrap} refuses {principal(settings)}: Create on Topic:{name} is not allowed, "
        f"and there is no such topic: allow it, or have the topic created: kafka-topics.sh --create --topic {name} "
        f"--partitions {topic.partitions} {config}"
    )


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


def read_topics(settings: KafkaSettings, timeout_s: float = TOPICS_TIMEOUT_S) -> list[TopicReport]:
    """Return what there is to say of each topic that is there.

    Args:
        settings: where Kafka is, and how the topics are called.
        timeout_s: how long to wait for each response of Kafka.

    Raises:
        SmaError: Kafka does not answer, or does not allow to describe a topic.
    """
    found = find_topics(settings, topic_names(settings), timeout_s)
    return [report_topic(settings, found[name]) for name in topic_names(settings) if name in found]


def check_topics(settings: KafkaSettings, timeout_s: float = TOPICS_TIMEOUT_S) -> list[TopicReport]:
    """Return what there is to say of the topics; refuse those that are missing, or make answers wrong.

    Args:
        settings: where Kafka is, and how the topics are called.
        timeout_s: how long to wait for each response of Kafka.

    Raises:
        SmaError: the first fault, and how to fix it.
    """
    reports = read_topics(settings, timeout_s)
    missing = set(topic_names(settings)).difference(report.name for report in reports)
    if missing:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {min(missing)}: run `sma up`")
    _refuse_faults(reports)
    return reports


def _refuse_faults(reports: Iterable[TopicReport]) -> None:
    for report in reports:
        if report.fault:
            raise SmaError(f"topic {report.name}: {report.fault}")


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
    there = describe_topics(settings, topic_names(settings), TOPICS_TIMEOUT_S)
    if there:
        ask(settings, partial(_delete, settings, list(there)))
    with suppress(GroupInUse):
        delete_group(settings, settings.consumer_group)


def _delete(settings: KafkaSettings, names: list[str], client: AdminClient) -> None:
    deleted = client.delete_topics(names, operation_timeout=TOPICS_TIMEOUT_S, request_timeout=2 * TOPICS_TIMEOUT_S)
    for topic, future in deleted.items():
        try:
            future.result()
        except KafkaException as error:
            raise failure(settings, error, f"topic {topic}", (f"Delete on Topic:{topic}",)) from error


@retry(
    stop=stop_after_delay(2 * TOPICS_TIMEOUT_S),
    wait=wait_fixed(0.2),
    retry=retry_if_result(bool),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)
def _missing_or_full(settings: KafkaSettings) -> list[str]:
    """Return the topics that are not yet there, or still the old ones."""
    for future in _request_topics(settings, wanted_topics(settings)).values():
        try:
            future.result()
        except KafkaException:  # still being deleted, or there already; the check below decides
            continue
    there = find_topics(settings, topic_names(settings), TOPICS_TIMEOUT_S)
    return [topic.name for topic in wanted_topics(settings) if not _is_empty(settings, there, topic)]


def _recreate_topics(settings: KafkaSettings) -> None:
    left = _missing_or_full(settings)
    if left:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap}: could not delete and create again: {', '.join(left)}")
    check_topics(settings)


def _is_empty(settings: KafkaSettings, there: Mapping[str, FoundTopic], topic: Topic) -> bool:
    if topic.name not in there or there[topic.name].partitions != topic.partitions:
        return False
    request = {TopicPartition(topic.name, partition): _END for partition in range(topic.partitions)}
    try:
        return all(future.result().offset == 0 for future in admin(settings).list_offsets(request).values())
    except KafkaException:  # no leader yet
        return False


def _request_topics(settings: KafkaSettings, topics: Collection[Topic]) -> dict[str, Any]:
    if not topics:
        return {}
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=settings.replication_factor,
            config=topic.config,
        )
        for topic in topics
    ]
    return admin(settings).create_topics(
        wanted, operation_timeout=TOPICS_TIMEOUT_S, request_timeout=2 * TOPICS_TIMEOUT_S
    )
