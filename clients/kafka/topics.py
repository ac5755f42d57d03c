"""Describes topics by their names: never all that a cluster has, which may be thousands and nobody else's business.

To list the metadata of a topic instead could make the topic.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType, TopicDescription  # type: ignore[attr-defined]

from clients.answers import ANSWER_TIMEOUT_S, Refused
from clients.kafka.connection import SERVICE, ask
from clients.kafka.denied import not_allowed
from sma.settings import KafkaSettings

_NO_ID = str(Uuid(0, 0))
_GONE = KafkaError.UNKNOWN_TOPIC_OR_PART
_NOT_ALLOWED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as it is. `replication_factor` is the least of any partition; for `topic_id` see `id_of`.

    `config` is in Kafka's spelling; None where Kafka does not allow to read it.
    """

    name: str
    topic_id: str
    partitions: int
    replication_factor: int
    config: dict[str, str] | None


def describe_topics(
    settings: KafkaSettings, names: Collection[str], timeout_s: float = ANSWER_TIMEOUT_S
) -> dict[str, TopicDescription]:
    """Return what Kafka says of those topics that are there.

    Raises:
        SmaError: Kafka does not answer, or does not allow to describe a topic.
    """
    if not names:
        return {}

    def describe(admin: AdminClient) -> dict[str, TopicDescription | KafkaError]:
        futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
        return {name: _result(future, timeout_s, _NOT_ALLOWED | {_GONE}) for name, future in futures.items()}

    described = ask(settings, describe)
    for name, answer in described.items():
        if isinstance(answer, KafkaError) and answer.code() != _GONE:
            raise not_allowed(settings, f"Describe on Topic:{name}")
    return {name: answer for name, answer in described.items() if not isinstance(answer, KafkaError)}


def find_topics(
    settings: KafkaSettings, names: Collection[str], timeout_s: float = ANSWER_TIMEOUT_S
) -> dict[str, FoundTopic]:
    """Return those topics that are there, with their configuration.

    Raises:
        SmaError: Kafka does not answer, or does not allow to describe a topic.
    """
    described = describe_topics(settings, names, timeout_s)
    configs = _configs(settings, described, timeout_s)
    found = {}
    for name, topic in described.items():
        config = configs[name]
        if isinstance(config, KafkaError) and config.code() == _GONE:  # deleted meanwhile
            continue
        replicas = min((len(partition.replicas) for partition in topic.partitions), default=0)
        readable = None if isinstance(config, KafkaError) else config
        found[name] = FoundTopic(name, id_of(topic), len(topic.partitions), replicas, readable)
    return found


def id_of(topic: TopicDescription) -> str:
    """Return the id that Kafka gave a topic when it was made; empty where Kafka knows none, as before 2.8."""
    return "" if str(topic.topic_id) == _NO_ID else str(topic.topic_id)


def topic_config(settings: KafkaSettings, topic: str, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, str]:
    """Return the configuration of a topic, in Kafka's spelling.

    Raises:
        SmaError: Kafka does not answer, does not allow it, or has no such topic.
    """
    config = _configs(settings, [topic], timeout_s)[topic]
    if not isinstance(config, KafkaError):
        return config
    if config.code() != _GONE:
        raise not_allowed(settings, f"DescribeConfigs on Topic:{topic}")
    raise Refused(SERVICE, settings.kafka_bootstrap, f"topic {topic}: {config.str()}")


def is_not_allowed(error: KafkaError) -> bool:
    """Return whether Kafka's ACLs do not allow what was asked."""
    return error.code() in _NOT_ALLOWED


def _configs(
    settings: KafkaSettings, names: Collection[str], timeout_s: float
) -> dict[str, dict[str, str] | KafkaError]:
    if not names:
        return {}

    def describe(admin: AdminClient) -> dict[str, dict[str, str] | KafkaError]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        futures = admin.describe_configs(resources, request_timeout=timeout_s)
        answers = {each.name: _result(future, timeout_s, _NOT_ALLOWED | {_GONE}) for each, future in futures.items()}
        return {name: answer if isinstance(answer, KafkaError) else _values(answer) for name, answer in answers.items()}

    return ask(settings, describe)


def _values(entries: dict[str, Any]) -> dict[str, str]:
    return {key: entry.value for key, entry in entries.items() if entry.value is not None}


def _result(future: Any, timeout_s: float, returned: Collection[int]) -> Any:
    """Return a future's result, or its error where the code of that is to be returned."""
    try:
        return future.result(timeout_s + 1)
    except KafkaException as error:
        if error.args[0].code() in returned:
            return error.args[0]
        raise
