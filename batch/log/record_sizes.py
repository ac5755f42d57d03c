"""Estimates the size of the log's records, and reads the retention size of a partition.

Kafka has no request for the size of a record, so the newest records are read and measured.
"""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException

from batch.log.offsets import OffsetRange
from clients.answers import CHECK_TIMEOUT_S
from clients.kafka.connection import reading
from clients.kafka.offsets import topic_config
from sma.settings import KafkaSettings

SAMPLE_RECORDS = 200
RECORD_OVERHEAD_BYTES = 20  # lengths, timestamps and the share of the batch's head


def retention_bytes(settings: KafkaSettings) -> int:
    """Return the size of a partition beyond which its oldest records are dropped; -1 where none are.

    Raises:
        SmaError: Kafka does not answer.
    """
    return int(topic_config(settings.kafka_as("batch"), settings.events_topic, CHECK_TIMEOUT_S)["retention.bytes"])


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


def _size(message: Any) -> int:
    return len(message.key() or b"") + len(message.value() or b"") + RECORD_OVERHEAD_BYTES
