"""Publishing to a test's own topic, in an order and with bytes of the test's choosing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from clients.kafka.librdkafka import librdkafka_options
from sma.settings import KafkaSettings
from tests.support.kafka_batches import key_of
from tests.support.superuser import client_options


@dataclass(frozen=True)
class Sent:
    """A record to send: its bytes, its time, its key or its partition.

    An event for a partition has the key that its names make. The topics that the project makes have the broker's clock,
    so the time is a record's timestamp only on others.
    """

    value: bytes | None
    time_ms: int
    key: str | None = None
    partition: int = -1


def publish(
    settings: KafkaSettings,
    records: Sequence[Sent],
    codec: str = "none",
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> list[tuple[int, int]]:
    """Send records in order, in batches of a codec; return (partition, Kafka offset) of each."""
    producer = Producer(
        {
            **librdkafka_options(settings.kafka_as("producer")),
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "compression.type": codec,
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
            key=record.key or (key_of(record.value) if record.partition >= 0 else None),
            value=record.value,
            partition=record.partition,
            timestamp=record.time_ms,
            headers=list(headers),
            on_delivery=note(index),
        )
        producer.poll(0)
    assert producer.flush(30) == 0
    return [positions[index] for index in range(len(records))]


def delete_share(settings: KafkaSettings, positions: Sequence[tuple[int, int]], share: float) -> dict[int, int]:
    """Let Kafka delete the first of the published events of each partition; return the first offset that is left."""
    ends: dict[int, int] = {}
    for partition, offset in positions:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    firsts = {partition: int(end * share) for partition, end in ends.items()}
    delete_before(settings, firsts)
    return firsts


def delete_before(settings: KafkaSettings, firsts: Mapping[int, int]) -> None:
    """Let Kafka delete the events before an offset of each partition; before the end, where it is -1."""
    client = AdminClient(client_options(settings))  # one that nobody holds is gone before it has its answer
    wanted = [TopicPartition(settings.events_topic, partition, first) for partition, first in firsts.items()]
    for future in client.delete_records(wanted).values():
        future.result(30)
