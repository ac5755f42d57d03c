"""Opens Kafka's clients: the one configuration of librdkafka, and one admin client for each principal.

The admin client never reads the offsets of a consumer group: see `clients.kafka.groups`.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S, Refused, Unanswered
from clients.kafka.librdkafka import librdkafka_options
from sma.errors import SmaError
from sma.settings import KafkaSettings

SERVICE = "Kafka"
SETTLING_S = 30.0  # how long a broker may need until it leads a new topic or knows its groups
RETRY_S = 0.2

_ADMINS: dict[frozenset[tuple[str, Any]], AdminClient] = {}  # by how they connect, and as whom
_NOT_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})

Answer = TypeVar("Answer")


def admin(settings: KafkaSettings) -> AdminClient:
    """Return the admin client of a principal: making one and connecting takes fifty times as long as a request."""
    connection = frozenset(item for item in librdkafka_options(settings).items() if not callable(item[1]))
    if connection not in _ADMINS:
        _ADMINS[connection] = AdminClient(_config(settings, **{"socket.timeout.ms": round(1_000 * ANSWER_TIMEOUT_S)}))
    return _ADMINS[connection]


def forget_admin() -> None:
    """Make the next request use a new admin client: one whose broker restarted may never reach it again."""
    _ADMINS.clear()


def ask(settings: KafkaSettings, question: Callable[[AdminClient], Answer]) -> Answer:
    """Return Kafka's response to the admin client; the request is repeated while a leader is being chosen.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    asking = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaException) and error.args[0].code() in _NOT_YET),
        stop=stop_after_delay(SETTLING_S),
        wait=wait_fixed(RETRY_S),
        reraise=True,
    )
    try:
        return asking(question, admin(settings))
    except (KafkaException, TimeoutError) as error:
        forget_admin()
        raise failure(settings, error) from error


def require_listening(settings: KafkaSettings, timeout_s: float) -> None:
    """Fail at once where no server takes connections: librdkafka would go on trying until its time-out.

    Raises:
        SmaError: that is so.
    """
    problem = "no server is named"
    for server in settings.kafka_bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
        else:
            return
    raise Unanswered(SERVICE, settings.kafka_bootstrap, problem)


@contextmanager
def reading(
    settings: KafkaSettings, group: str, topic: str, from_offsets: Mapping[int, int], **others: Any
) -> Iterator[Consumer]:
    """Open a consumer that reads partitions of a topic, each from an offset on; it commits nothing.

    Args:
        settings: where Kafka is.
        group: librdkafka demands one; it is not joined.
        topic: the topic.
        from_offsets: by partition.
        others: settings of librdkafka.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    consumer = Consumer(_config(settings, **{"group.id": group, "enable.auto.commit": False} | others))
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in from_offsets.items()])
        yield consumer
    except KafkaException as error:
        raise failure(settings, error) from error
    finally:
        consumer.close()


def producer(settings: KafkaSettings, **others: Any) -> Producer:
    """Return a new producer; it connects in the background.

    Args:
        settings: where Kafka is.
        others: settings of librdkafka.
    """
    return Producer(_config(settings, **others))


def failure(settings: KafkaSettings, error: KafkaException | TimeoutError, what: str = "") -> SmaError:
    """Return librdkafka's error as one line; its own errors have negative codes, those of a broker positive.

    Args:
        settings: where Kafka is.
        error: librdkafka's error.
        what: what the error is about, where that is not clear.
    """
    reason = error.args[0] if error.args else None
    if not isinstance(reason, KafkaError):
        return Unanswered(SERVICE, settings.kafka_bootstrap, "no answer in time")
    kind = Unanswered if reason.code() < 0 else Refused
    return kind(SERVICE, settings.kafka_bootstrap, f"{what}: {reason.str()}" if what else reason.str())


def _config(settings: KafkaSettings, **others: Any) -> dict[str, Any]:
    """Return what each client of librdkafka is made with: it prints nothing, since every failure is raised here."""
    return librdkafka_options(settings) | {"log_level": 0, "error_cb": lambda _: None} | others
