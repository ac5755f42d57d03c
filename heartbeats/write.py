"""Writes heartbeats to partitions, and returns where Kafka put them."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException, Message

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.connection import failure, producer
from sma.errors import SmaError
from sma.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Written:
    """A heartbeat in the log; times in milliseconds since the Unix epoch."""

    partition: int
    offset: int
    heartbeat_ms: int
    timestamp_ms: int

    @property
    def log_time_ms(self) -> int:
        """The time as of which it counts: its record's timestamp at most."""
        return min(self.heartbeat_ms, self.timestamp_ms)


def write_heartbeats(settings: KafkaSettings, heartbeats: Mapping[int, int], now_ms: int) -> list[Written]:
    """Write a heartbeat to each of some partitions, and wait until Kafka has acknowledged all.

    Args:
        settings: where Kafka is.
        heartbeats: partition -> the time of its heartbeat.
        now_ms: this machine's clock: the timestamp of the records on a topic whose records have the producers'.

    Returns:
        those that were acknowledged, by partition.

    Raises:
        SmaError: Kafka refused one or did not answer; the others may be in the log.
    """
    written: list[Written] = []
    failures: list[SmaError] = []

    def acknowledge(error: object, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            needs = [f"Write on Topic:{settings.events_topic}"]
            failures.append(failure(settings, KafkaException(error), f"a heartbeat to {settings.events_topic}", needs))
            return
        kind, timestamp_ms = message.timestamp()
        stamped_ms = timestamp_ms if kind == TIMESTAMP_LOG_APPEND_TIME else now_ms
        written.append(Written(partition, offset, heartbeats[partition], stamped_ms))

    options = {"enable.idempotence": True, "message.timeout.ms": round(1_000 * ANSWER_TIMEOUT_S), "linger.ms": 0}
    settings = settings.kafka_as("heartbeats")
    sender = producer(settings, **options)
    for partition, heartbeat_ms in heartbeats.items():
        value = b'{"heartbeat": %d}' % heartbeat_ms
        sender.produce(
            settings.events_topic, value, partition=partition, timestamp=max(now_ms, 0), on_delivery=acknowledge
        )
    left = sender.flush(2 * ANSWER_TIMEOUT_S)
    if failures:
        raise failures[0]
    if left:
        raise failure(settings, TimeoutError())
    return sorted(written, key=lambda each: each.partition)
