"""Reads the ranges of Kafka offsets that the log retains; `batch.log.reader` reads their records."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.kafka.offsets import ends, starts
from sma.settings import KafkaSettings

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The Kafka offsets start <= offset < end of one partition."""

    start: int
    end: int


def retained_ranges(settings: KafkaSettings, topic: str) -> dict[int, OffsetRange]:
    """Return what each partition of a topic retains, up to the first transaction that is still open.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    settings = settings.kafka_as("batch")
    first, after_last = starts(settings, topic), ends(settings, topic, read_committed=True)
    return {partition: OffsetRange(start, after_last[partition]) for partition, start in first.items()}
