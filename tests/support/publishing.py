"""Publishing to a test's own topic, in an order and with bytes of the test's choosing."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Producer

from sma.settings import Settings


@dataclass(frozen=True)
class Sent:
    """A record to send: its bytes, its time (of which the Kafka timestamp is made), its key or its partition."""

    value: bytes | None
    time_ms: int
    key: str | None = None
    partition: int = -1


def publish(settings: Settings, records: Sequence[Sent]) -> list[tuple[int, int]]:
    """Send records in order; return (partition, Kafka offset) of each."""
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "log_level": 2,
        }
    )
    positions: dict[int, tuple[int, int]] = {}

    def note(index):
        def on_delivery(error, message):
            assert error is None, error
            positions[index] = (message.partition(), message.offset())

        return on_delivery

    for index, record in enumerate(records):
        producer.produce(
            settings.events_topic,
            key=record.key,
            value=record.value,
            partition=record.partition,
            timestamp=record.time_ms,
            on_delivery=note(index),
        )
        producer.poll(0)
    assert producer.flush(30) == 0
    return [positions[index] for index in range(len(records))]
