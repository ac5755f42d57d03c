"""Publishing as an ordinary librdkafka producer does: the partitioner decides by the key and the partitions."""

import time
from collections.abc import Sequence

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sma.settings import Settings
from tests.support.publishing import Sent
from tests.support.superuser import client_options


def send_with(settings: Settings, partitioner: str, records: Sequence[Sent]) -> dict[str, int]:
    """Send records that have keys, in order; return the partition of each key."""
    producer = Producer({**client_options(settings), "partitioner": partitioner, "enable.idempotence": True})
    partitions: dict[str, int] = {}

    def note(error, message):
        assert error is None, error
        partitions[message.key().decode()] = message.partition()

    for record in records:
        producer.produce(settings.events_topic, record.value, record.key, timestamp=record.time_ms, on_delivery=note)
        producer.poll(0)
    assert producer.flush(30) == 0
    return partitions


def await_partitions(settings: Settings, count: int) -> None:
    """Wait until the topic of events shows so many partitions."""
    admin, deadline = AdminClient(client_options(settings)), time.monotonic() + 30
    while len(admin.list_topics(settings.events_topic).topics[settings.events_topic].partitions) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
