"""Producers with transactions, on a test's own topic."""

from collections.abc import Sequence

from confluent_kafka import Producer

from clients.kafka.offsets import ends
from sma.settings import Settings
from tests.support.kafka_batches import key_of
from tests.support.metrics import eventually
from tests.support.publishing import Sent
from tests.support.superuser import as_superuser, client_options

ANSWER_S = 30


def transactional(settings: Settings, name: str, **others: object) -> Producer:
    """Return a producer that has no transaction open; one of the same name before it can write no more."""
    made = Producer(
        {
            **client_options(settings),
            "transactional.id": f"{settings.topic_prefix}{name}",
            "transaction.timeout.ms": 600_000,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "log_level": 2,
            **others,
        }
    )
    made.init_transactions(ANSWER_S)
    return made


def open_transaction(producer: Producer, topic: str, records: Sequence[Sent]) -> list[tuple[int, int]]:
    """Begin a transaction and send records in order, as `publish` does; return (partition, Kafka offset) of each."""
    positions: dict[int, tuple[int, int]] = {}

    def note(index):
        def on_delivery(error, message):
            assert error is None, error
            positions[index] = (message.partition(), message.offset())

        return on_delivery

    producer.begin_transaction()
    for index, record in enumerate(records):
        producer.produce(
            topic,
            record.value,
            record.key or (key_of(record.value) if record.partition >= 0 else None),
            record.partition,
            on_delivery=note(index),
            headers=[("source", b"test"), ("empty", None)],
        )
        producer.poll(0)
    assert producer.flush(ANSWER_S) == 0
    return [positions[index] for index in range(len(records))]


def committed(producer: Producer, settings: Settings, topic: str, records: Sequence[Sent]):
    """Send records in a transaction, and return their positions once all can read them."""
    positions = open_transaction(producer, topic, records)
    producer.commit_transaction(ANSWER_S)
    await_markers(settings, topic)
    return positions


def aborted(producer: Producer, settings: Settings, topic: str, records: Sequence[Sent]) -> None:
    """Send records in a transaction that is aborted, and return once that is in the log."""
    open_transaction(producer, topic, records)
    producer.abort_transaction(ANSWER_S)
    await_markers(settings, topic)


def await_markers(settings: Settings, topic: str) -> None:
    """Return once no transaction is open: Kafka answers a producer before it has written the markers."""
    settings = as_superuser(settings)
    for attempt in eventually():
        with attempt:
            assert ends(settings, topic) == ends(settings, topic, read_committed=True)
