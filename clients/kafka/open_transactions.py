"""Names the open transactions that hold a topic's readers back: read-committed consumers are given nothing after them.

The batch at a partition's last stable offset is the first one of its oldest open transaction. Its header has the
producer's id and, where the topic's timestamps are those of the broker, the time at which the transaction reached the
partition. So any Kafka with transactions tells, and the right to read the topic is enough: `DescribeProducers` needs
Kafka 2.8, and tells no time either.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from kafka.errors import KafkaError, KafkaProtocolError

from clients.kafka.leaders import Leaders
from clients.kafka.offsets import ends
from clients.kafka.wire import failure
from sma.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """The oldest open transaction of a partition.

    start_offset: the Kafka offset of its first record there; nothing from there on can be read.
    age_s: since Kafka took that record; None where the topic's timestamps are those of its producers.
    """

    topic: str
    partition: int
    producer_id: int
    start_offset: int
    age_s: float | None

    def __str__(self) -> str:
        age = "" if self.age_s is None else f", open for {self.age_s:,.0f} s"
        return (
            f"{self.topic}: partition {self.partition} waits for an open transaction of producer id "
            f"{self.producer_id}{age}"
        )

    @property
    def way_out(self) -> str:
        """What ends it."""
        return (
            "commit or abort it in its producer, or start that producer again; Kafka itself aborts it after the "
            "producer's transaction.timeout.ms. Where the producer is gone for good: `kafka-transactions.sh abort "
            f"--topic {self.topic} --partition {self.partition} --start-offset {self.start_offset}`, see "
            "docs/runbooks/OpenTransaction.md"
        )


def open_transactions(
    settings: KafkaSettings, topic: str, written_to: Mapping[int, int] | None = None
) -> list[OpenTransaction]:
    """Return the oldest open transaction of each partition that has one.

    Args:
        settings: where Kafka is.
        topic: the topic.
        written_to: Kafka offsets by partition; only transactions that began before them. None for the log's end.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    written_to = ends(settings, topic) if written_to is None else written_to
    stable = ends(settings, topic, read_committed=True)  # asked last: what is written between the two is not held back
    held_back = {partition: stable[partition] for partition, end in written_to.items() if stable[partition] < end}
    if not held_back:
        return []
    found, leaders = [], Leaders(settings, topic)
    for partition, offset in held_back.items():
        try:
            (first, *_) = leaders.fetch(partition, offset, read_committed=False).batches or _nothing(offset)
        except KafkaError as error:
            what = f"{topic}: the open transaction of partition {partition} is not known"
            raise failure(settings.kafka_bootstrap, error, what) from error
        age_s = None if first.append_time_ms is None else max(0.0, time.time() - first.append_time_ms / 1_000)
        found.append(OpenTransaction(topic, partition, first.producer_id, offset, age_s))
    return found


def _nothing(offset: int) -> NoReturn:
    raise KafkaProtocolError(f"Kafka sent no batch at Kafka offset {offset}, which is not the log's end")
