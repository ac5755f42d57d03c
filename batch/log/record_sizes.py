"""Estimates how large the log's records are, and reads how large a partition may grow.

Kafka has no request for the size of a record, so the newest records are read and measured.
"""

from collections.abc import Mapping
from typing import Any

from batch.log.offsets import OffsetRange
from clients.answers import CHECK_TIMEOUT_S
from clients.kafka.connection import reading
from clients.kafka.offsets import topic_config
from sma.settings import KafkaSettings

SAMPLE_RECORDS = 200
RECORD_OVERHEAD_BYTES = 20  # lengths, timestamps and the share of the batch's head


def retention_bytes(settings: KafkaSettings) -> int:
    """Return beyond which size of a partition its oldest records are dropped; -1 where none are.

    Raises:
        SmaError: Kafka does not answer.
    """
    return int(topic_config(settings, settings.events_topic, CHECK_TIMEOUT_S)["retention.bytes"])


def record_bytes(settings: KafkaSettings, held: Mapping[int, OffsetRange]) -> float:
    """Return what some of the newest records of each partition weigh on average; compression is not taken off.

    Raises:
        SmaError: Kafka does not answer.
    """
    group, topic = f"{settings.topic_prefix}batch", settings.events_topic
    starts = {partition: max(each.start, each.end - SAMPLE_RECORDS) for partition, each in held.items()}
    with reading(settings, group, topic, starts, **{"auto.offset.reset": "earliest"}) as consumer:
        sampled = consumer.consume(SAMPLE_RECORDS, timeout=CHECK_TIMEOUT_S)
    weights = [_weight(message) for message in sampled if message.error() is None]
    return sum(weights) / len(weights) if weights else float(RECORD_OVERHEAD_BYTES)


def _weight(message: Any) -> int:
    return len(message.key() or b"") + len(message.value() or b"") + RECORD_OVERHEAD_BYTES
