"""Creates the topics that the system needs, and checks that existing ones are as it needs them.

Their records carry the event's own time (CreateTime), so retention by time would delete old events at once: it is off,
and what limits `events` is its size.
"""

from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType  # type: ignore[attr-defined]
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from sma.errors import SmaError
from sma.settings import Settings

_TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str]


def wanted_topics(settings: Settings) -> list[Topic]:
    """Return the topics of a system with these settings."""
    keep = {"message.timestamp.type": "CreateTime", "retention.ms": "-1", "cleanup.policy": "delete"}
    events = Topic(
        settings.events_topic, settings.partitions, {**keep, "retention.bytes": str(settings.retention_bytes)}
    )
    others = (settings.late_events_topic, settings.rejected_events_topic)
    # a row that is stated anew replaces the one before it: subscribers need only the last of each key
    averages = Topic(settings.moving_averages_topic, settings.partitions, {**keep, "cleanup.policy": "compact"})
    return [
        events,
        *(Topic(name, settings.partitions, {**keep, "retention.bytes": "-1"}) for name in others),
        averages,
    ]


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are not there yet; return their names.

    Raises:
        SmaError: Kafka cannot be reached, or a topic is there that would lose or misread events.
    """
    admin = _admin(settings)
    created = []
    for topic, future in _request_topics(admin, settings).items():
        try:
            future.result()
            created.append(topic)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise SmaError(f"Kafka at {settings.kafka_bootstrap}: topic {topic}: {error.args[0].str()}") from error
    check_topics(settings, admin)
    return created


def check_topics(settings: Settings, admin: AdminClient | None = None) -> None:
    """Refuse topics that are there but not as the system needs them.

    Raises:
        SmaError: the first fault found, and the way out.
    """
    admin = admin or _admin(settings)
    partition_counts = {name: len(topic.partitions) for name, topic in _list_topics(admin, settings).items()}
    for topic in wanted_topics(settings):
        if topic.name not in partition_counts:
            raise SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {topic.name}: run `sma up`")
        fault = topic_fault(topic, partition_counts[topic.name], _read_config(admin, topic.name))
        if fault:
            raise SmaError(f"topic {topic.name}: {fault}")


def topic_fault(topic: Topic, partitions: int, config: dict[str, str]) -> str | None:
    """Return what is wrong with a topic that is there, in words that say the way out; None if nothing is.

    Args:
        topic: as it should be.
        partitions: how many it has.
        config: its configuration as Kafka states it.
    """
    if partitions != topic.partitions:
        return f"has {partitions} partitions, not {topic.partitions}: set SMA_PARTITIONS={partitions}, or delete it"
    if config.get("retention.ms") != "-1":
        return (
            f"retention.ms is {config.get('retention.ms')}: retention by time deletes old event times at once; "
            "set retention.ms=-1 on it"
        )
    if config.get("message.timestamp.type") != "CreateTime":
        return (
            f"message.timestamp.type is {config.get('message.timestamp.type')}: records must carry their event time; "
            "set message.timestamp.type=CreateTime on it"
        )
    if "compact" in config.get("cleanup.policy", "") and topic.config["cleanup.policy"] == "delete":
        return "cleanup.policy is compact: events of a series would be lost; set cleanup.policy=delete on it"
    return None


def reset_topics(settings: Settings) -> None:
    """Delete the topics with all that is in them, and create them anew; nothing may be reading or writing them.

    Raises:
        SmaError: Kafka cannot be reached, or a topic is not gone after some seconds.
    """
    delete_topics(settings)
    _create_anew(settings)


def delete_topics(settings: Settings) -> None:
    """Delete the topics with all that is in them, and the stream's consumer group.

    Raises:
        SmaError: Kafka cannot be reached.
    """
    admin = _admin(settings)
    names = [topic.name for topic in wanted_topics(settings)]
    there = [name for name in names if name in _list_topics(admin, settings)]
    if there:
        for future in admin.delete_topics(there, operation_timeout=_TIMEOUT_SECONDS).values():
            future.result()
    _delete_group(admin, settings.consumer_group)


@retry(
    stop=stop_after_delay(2 * _TIMEOUT_SECONDS),
    wait=wait_fixed(0.2),
    retry=retry_if_result(bool),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)
def _missing_or_full(settings: Settings) -> list[str]:
    """Return the topics that are not yet there, or still the old ones."""
    admin = _admin(settings)
    for future in _request_topics(admin, settings).values():
        try:
            future.result()
        except KafkaException:  # still being deleted, or there already; what counts is looked at below
            continue
    there = _list_topics(admin, settings)
    return [topic.name for topic in wanted_topics(settings) if not _is_empty(admin, there, topic)]


def _create_anew(settings: Settings) -> None:
    left = _missing_or_full(settings)
    if left:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap}: could not delete and create anew: {', '.join(left)}")
    check_topics(settings)


def _is_empty(admin: AdminClient, there: dict[str, Any], topic: Topic) -> bool:
    if topic.name not in there or len(there[topic.name].partitions) != topic.partitions:
        return False
    request = {TopicPartition(topic.name, partition): OffsetSpec.latest() for partition in range(topic.partitions)}
    try:
        return all(future.result().offset == 0 for future in admin.list_offsets(request).values())
    except KafkaException:  # no leader yet
        return False


def _delete_group(admin: AdminClient, group: str) -> None:
    listed = admin.list_consumer_groups(request_timeout=_TIMEOUT_SECONDS).result()
    if group not in [each.group_id for each in listed.valid]:
        return
    for future in admin.delete_consumer_groups([group], request_timeout=_TIMEOUT_SECONDS).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() not in (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.NON_EMPTY_GROUP):
                raise SmaError(f"consumer group {group}: {error.args[0].str()}") from error


def _request_topics(admin: AdminClient, settings: Settings) -> dict[str, Any]:
    wanted = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=topic.config)
        for topic in wanted_topics(settings)
    ]
    return admin.create_topics(wanted, operation_timeout=_TIMEOUT_SECONDS)


def _list_topics(admin: AdminClient, settings: Settings) -> dict[str, Any]:
    try:
        return admin.list_topics(timeout=_TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise SmaError(f"Kafka at {settings.kafka_bootstrap}: {error.args[0].str()}") from error


def _read_config(admin: AdminClient, name: str) -> dict[str, str]:
    (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    return {key: entry.value for key, entry in future.result().items()}


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
