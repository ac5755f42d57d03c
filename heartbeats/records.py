"""Reads short ranges of partitions, whatever records they have."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException

from clients.answers import ANSWER_TIMEOUT_S, Unanswered
from clients.kafka.connection import SERVICE, reading
from sma.settings import KafkaSettings

_POLL_S = 1.0
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `timestamp_ms` is -1 where it has none."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


def read_ranges(
    settings: KafkaSettings, topic: str, ranges: Mapping[int, tuple[int, int]], timeout_s: float = ANSWER_TIMEOUT_S
) -> Iterator[Record]:
    """Yield the committed records of ranges of Kafka offsets, those of a partition in order.

    Args:
        settings: where Kafka is.
        topic: the topic.
        ranges: partition -> first offset, and one past the last; where they hold no record, as after the marker of a
            transaction, none is yielded.
        timeout_s: how long Kafka may yield nothing.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    left = {partition: end for partition, (start, end) in ranges.items() if start < end}
    if not left:
        return
    starts = {partition: ranges[partition][0] for partition in left}
    options = {"enable.partition.eof": True, "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    deadline = time.monotonic() + timeout_s
    with reading(settings, f"{settings.topic_prefix}heartbeats", topic, starts, **options) as consumer:
        while left:
            records = consumer.consume(_MOST_AT_ONCE, _POLL_S)
            if records:
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise Unanswered(SERVICE, settings.kafka_bootstrap, f"partition {min(left)} of {topic} yields nothing")
            for record in records:
                partition, offset, error = record.partition(), record.offset(), record.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                if partition is None or offset is None or partition not in left:
                    continue
                if error is None and offset < left[partition]:
                    yield Record(partition, offset, record.key(), record.value(), record.timestamp()[1])
                if error is not None or offset + 1 >= left[partition]:
                    del left[partition]
