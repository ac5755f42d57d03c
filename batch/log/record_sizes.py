"""Estimates how large the log's records are, and reads how large a partition may grow.

Kafka has no request for the size of a record, so the newest records are read and measured.
"""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

from batch.log.offsets import OffsetRange, admin_client, client_config, no_answer
from sma.settings import Settings

TIMEOUT_SECONDS = 5.0
SAMPLE_RECORDS = 200
RECORD_OVERHEAD_BYTES = 20  # lengths, timestamps and the share of the batch's head


def retention_bytes(settings: Settings) -> int:
    """Return beyond which size of a partition its oldest records are dropped; -1 where none are.

    Raises:
        SmaError: Kafka does not answer.
    """
    admin = admin_client(settings.kafka_bootstrap)
    resource = ConfigResource(ResourceType.TOPIC, settings.events_topic)
    try:
        (future,) = admin.describe_configs([resource], request_timeout=TIMEOUT_SECONDS).values()
        return int(future.result()["retention.bytes"].value)
    except KafkaException as error:
        raise no_answer(settings, error) from error


def record_bytes(settings: Settings, held: Mapping[int, OffsetRange]) -> float:
    """Return what some of the newest records of each partition weigh on average; compression is not taken off.

    Raises:
        SmaError: Kafka does not answer.
    """
    consumer = Consumer(
        client_config(settings.kafka_bootstrap)
        | {
            "group.id": f"{settings.topic_prefix}batch",  # the client demands one; nothing is committed under it
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        starts = {partition: max(each.start, each.end - SAMPLE_RECORDS) for partition, each in held.items()}
        consumer.assign([TopicPartition(settings.events_topic, *start) for start in starts.items()])
        sampled = consumer.consume(SAMPLE_RECORDS, timeout=TIMEOUT_SECONDS)
    except KafkaException as error:
        raise no_answer(settings, error) from error
    finally:
        consumer.close()
    weights = [_weight(message) for message in sampled if message.error() is None]
    return sum(weights) / len(weights) if weights else float(RECORD_OVERHEAD_BYTES)


def _weight(message: Any) -> int:
    return len(message.key() or b"") + len(message.value() or b"") + RECORD_OVERHEAD_BYTES
