"""Estimates the size of the log's records, reads the time of single ones, and how much of them Kafka retains.

Kafka has no request for the size or the time of a record, so records are read and measured.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException, TopicPartition

from batch.log.offsets import OffsetRange
from clients.answers import CHECK_TIMEOUT_S
from clients.kafka.connection import reading
from clients.kafka.topics import topic_config
from sma.settings import KafkaSettings

SAMPLE_RECORDS = 200
RECORD_OVERHEAD_BYTES = 20  # lengths, timestamps and the share of the batch's head


@dataclass(frozen=True, slots=True)
class Retention:
    """Beyond which size of a partition, and beyond which age, records are dropped; -1 for no limit."""

    max_bytes: int
    max_age_ms: int


def read_retention(settings: KafkaSettings) -> Retention:
    """Return what Kafka retains of the topic `events`.

    Raises:
        SmaError: Kafka does not answer, or does not allow to read it.
    """
    config = topic_config(settings.kafka_as("batch"), settings.events_topic, CHECK_TIMEOUT_S)
    return Retention(int(config["retention.bytes"]), int(config["retention.ms"]))


def record_bytes(settings: KafkaSettings, retained: Mapping[int, OffsetRange]) -> float:
    """Return the average size of some of the newest records of each partition, without compression.

    Raises:
        SmaError: Kafka does not answer.
    """
    group, topic = f"{settings.topic_prefix}batch", settings.events_topic
    starts = {partition: max(each.start, each.end - SAMPLE_RECORDS) for partition, each in retained.items()}
    with reading(settings.kafka_as("batch"), group, topic, starts, **{"auto.offset.reset": "earliest"}) as consumer:
        sampled = consumer.consume(SAMPLE_RECORDS, timeout=CHECK_TIMEOUT_S)
        if error := next((error for message in sampled if (error := message.error())), None):
            raise KafkaException(error)
    sizes = [_size(message) for message in sampled]
    return sum(sizes) / len(sizes) if sizes else float(RECORD_OVERHEAD_BYTES)


@dataclass(frozen=True, slots=True)
class FirstRecord:
    """The timestamp of a record, in milliseconds since the epoch, and whether it is Kafka's."""

    timestamp_ms: int
    is_append_time: bool


def first_records(settings: KafkaSettings, offsets: Mapping[int, int]) -> dict[int, FirstRecord]:
    """Return what is known of the first record at or after a Kafka offset of each partition.

    A partition of which no record came in time is left out.

    Raises:
        SmaError: Kafka does not answer.
    """
    group, topic, found = f"{settings.topic_prefix}batch", settings.events_topic, dict[int, FirstRecord]()
    deadline = time.monotonic() + CHECK_TIMEOUT_S
    one_each = {"auto.offset.reset": "earliest", "max.partition.fetch.bytes": 1}  # a batch is sent whole all the same
    with reading(settings.kafka_as("batch"), group, topic, offsets, **one_each) as consumer:
        while len(found) < len(offsets) and time.monotonic() < deadline:
            message = consumer.poll(0.1)
            partition = None if message is None or message.error() else message.partition()
            if message is not None and partition is not None and partition not in found:
                kind, timestamp_ms = message.timestamp()
                found[partition] = FirstRecord(int(timestamp_ms), kind == TIMESTAMP_LOG_APPEND_TIME)
                consumer.pause([TopicPartition(topic, partition)])
    return found


def _size(message: Any) -> int:
    return len(message.key() or b"") + len(message.value() or b"") + RECORD_OVERHEAD_BYTES
