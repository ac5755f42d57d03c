"""Asks Kafka what the principal of a connection may do with topics."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.connection import ask
from sma.settings import KafkaSettings


def topic_operations(settings: KafkaSettings, topics: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the operations that the principal may perform on each topic, by their names in Kafka, such as `Read`.

    Topics that are not there are left out, and those of which Kafka does not say.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    return ask(settings, lambda admin: _operations(admin, list(topics)))


def _operations(admin: AdminClient, topics: list[str]) -> dict[str, frozenset[str]]:
    described = admin.describe_topics(
        TopicCollection(topics), include_authorized_operations=True, request_timeout=ANSWER_TIMEOUT_S
    )
    found = {}
    for topic, future in described.items():
        try:
            operations = future.result().authorized_operations
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            if code != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise
            operations = []
        if operations is not None:
            found[topic] = frozenset(_name(operation.name) for operation in operations)
    return found


def _name(constant: str) -> str:
    return "".join(word.capitalize() for word in constant.split("_"))
