"""Opens Kafka's clients: the one configuration of librdkafka, and one admin client for each principal.

librdkafka says little of why it has no connection: `clients.kafka.wire`, which connects in the same way, finds out. The
admin client never reads the offsets of a consumer group: see `clients.kafka.groups`.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from kafka.errors import KafkaError as ProtocolError
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S, HEALTH_TIMEOUT_S, Refused, Unanswered
from clients.kafka.denied import denial
from clients.kafka.librdkafka import librdkafka_options
from clients.kafka.pool import WIRES
from clients.kafka.wire import Wire, addresses
from sma.errors import SmaError
from sma.settings import KafkaSettings

SERVICE = "Kafka"
SETTLING_S = 30.0  # how long a broker may need until it leads a new topic or knows its groups
RETRY_S = 0.2

_METADATA_VERSION = 4

_ADMINS: dict[frozenset[tuple[str, Any]], AdminClient] = {}  # by how they connect, and as whom
_NOBODY = logging.Logger("librdkafka", logging.CRITICAL + 1)
_NOT_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_UNCONNECTED = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
    }
)

Answer = TypeVar("Answer")


def admin(settings: KafkaSettings) -> AdminClient:
    """Return the admin client of a principal: making one and connecting takes fifty times as long as a request.

    Raises:
        Denied: Kafka refuses the principal, or is not trusted.
        SmaError: a setting is missing or wrong.
    """
    connection = frozenset(item for item in librdkafka_options(settings).items() if not callable(item[1]))
    if connection not in _ADMINS:
        _require_allowed(settings)
        _ADMINS[connection] = AdminClient(_config(settings, **{"socket.timeout.ms": round(1_000 * ANSWER_TIMEOUT_S)}))
    return _ADMINS[connection]


def forget_admin() -> None:
    """Make the next request use a new admin client: one whose broker restarted may never reach it again."""
    _ADMINS.clear()


def ask(settings: KafkaSettings, question: Callable[[AdminClient], Answer], *needs: str) -> Answer:
    """Return Kafka's response to the admin client; the request is repeated while a leader is being chosen.

    Args:
        settings: where Kafka is.
        question: asks the admin client.
        needs: what Kafka has to allow for it, such as "Describe on Topic:events", for the error where it does not.

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
        raise failure(settings, error, needs=needs) from error


def require_answer(settings: KafkaSettings, timeout_s: float = HEALTH_TIMEOUT_S) -> None:
    """Fail at once where no server takes connections, or none lets the principal in: librdkafka would go on trying.

    Raises:
        Denied: a server refuses the principal, or is not trusted.
        SmaError: no server answers.
    """
    problem = "no server is named"
    for address in addresses(settings.kafka_bootstrap):
        try:
            with closing(Wire(settings, address, timeout_s)) as wire:
                _ask_for_brokers(wire)
        except ProtocolError as error:
            cause = error.__cause__
            problem = str(cause.strerror) if isinstance(cause, ConnectionRefusedError) else str(error)
        else:
            return
    raise Unanswered(SERVICE, settings.kafka_bootstrap, problem)


def _require_allowed(settings: KafkaSettings) -> None:
    """Fail at once where Kafka refuses the principal, or is not trusted; one that does not answer is waited for."""
    with suppress(ProtocolError):
        WIRES.ask_any(settings, HEALTH_TIMEOUT_S, _ask_for_brokers)


def _ask_for_brokers(wire: Wire) -> None:
    """Make a request that needs a login, where the port wants one, and no right."""
    wire.ask(MetadataRequest[_METADATA_VERSION](topics=[]), MetadataResponse)


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
    _require_allowed(settings)
    needs = (f"Read on Topic:{topic}", f"Describe on Group:{group}")
    consumer = Consumer(_config(settings, **{"group.id": group, "enable.auto.commit": False} | others))
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in from_offsets.items()])
        yield consumer
    except KafkaException as error:
        raise failure(settings, error, needs=needs) from error
    finally:
        consumer.close()


def producer(settings: KafkaSettings, **others: Any) -> Producer:
    """Return a new producer; it connects in the background.

    Args:
        settings: where Kafka is.
        others: settings of librdkafka.
    """
    return Producer(_config(settings, logger=_NOBODY, **others))  # or a fatal error is printed, whatever the level


def failure(
    settings: KafkaSettings, error: KafkaException | TimeoutError, what: str = "", needs: Sequence[str] = ()
) -> SmaError:
    """Return librdkafka's error as one line; its own errors have negative codes, those of a broker positive.

    Where it had no connection or no answer, the servers are asked again, to say why.

    Args:
        settings: where Kafka is.
        error: librdkafka's error.
        what: what the error is about, where that is not clear.
        needs: as of `ask`.
    """
    reason = error.args[0] if error.args else None
    if isinstance(reason, KafkaError):
        if (denied := denial(settings, reason.code(), needs)) is not None:
            return denied
        said = reason.str()
    else:
        said = "no answer in time"
    if not isinstance(reason, KafkaError) or reason.code() in _UNCONNECTED:
        unanswered = why_unanswered(settings)
        if isinstance(unanswered, Unanswered):
            said = unanswered.detail
        elif unanswered is not None:
            return unanswered
    kind = Refused if isinstance(reason, KafkaError) and reason.code() >= 0 else Unanswered
    return kind(SERVICE, settings.kafka_bootstrap, f"{what}: {said}" if what else said)


def why_unanswered(settings: KafkaSettings) -> SmaError | None:
    """Return why there is no connection to Kafka; None if there is one."""
    try:
        require_answer(settings)
    except SmaError as error:
        return error
    return None


def _config(settings: KafkaSettings, **others: Any) -> dict[str, Any]:
    """Return what each client of librdkafka is made with: it prints nothing, since every failure is raised here."""
    return librdkafka_options(settings) | {"log_level": 0, "error_cb": lambda _: None} | others
