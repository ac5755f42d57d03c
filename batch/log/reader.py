"""Reads one partition of the log, as columns or as the bytes of its records, with either reader.

`fast_reader` decodes record batches in compiled loops. `client_reader` uses Kafka's ordinary consumer and is slower.
The setting `kafka_reader` selects one; `auto` is the fast one, and the client reader from where that is unavailable.
Both yield the same records (docs/decisions/0032-two-readers-one-door.md).

Callers ask for Kafka offsets; days and windows do not belong here. Arguments and chunks can be sent to another
process, so each partition may be read by its own process, with its own table of series.
"""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from batch.log import fast_reader
from batch.log.chunk import Chunk, Value
from batch.log.fast_reader import Fetch
from batch.log.fetch import fetch_batches
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from batch.log.unreadable import FastReaderUnavailable
from sma.settings import KafkaSettings

if TYPE_CHECKING:
    from batch.log.client_reader import Consume

__all__ = ["Chunk", "Value", "read_partition", "read_values"]

_LOG = logging.getLogger(__name__)
_WARNED: set[tuple[str, str]] = set()  # Kafka and topic: a log is read in many ranges, and warned of once in a process

Read = TypeVar("Read")


def read_partition(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    start: int,
    end: int,
    max_ahead_ms: int,
    series: SeriesTable,
    limits: ReadLimits = LIMITS,
    fetch: Fetch = fetch_batches,
    consume: "Consume | None" = None,
) -> Iterator[Chunk]:
    """Yield the records at start <= Kafka offset < end, in the log's order, read-committed.

    A chunk is bounded in records and bytes, and may hold no record. The last one's `next_offset` is at or after `end`;
    gaps are normal.

    Args:
        settings: how Kafka is reached, and which reader reads.
        topic: the topic's name, with its prefix.
        partition: the partition's number.
        start: the first Kafka offset that is wanted.
        end: the first that is not; Kafka must hold everything before it.
        max_ahead_ms: as for `sma.event.read_record`.
        series: gets a number for each series that is new to it.
        limits: of memory and waiting.
        fetch: fetches record batches for the fast reader.
        consume: consumes records for the client reader; None for Kafka's ordinary consumer.

    Raises:
        SmaError: Kafka does not answer or no longer holds all of the range, a batch is damaged, or the setting is
            `fast` and that reader is unavailable.
    """
    settings = settings.kafka_as("batch")

    def read_fast(position: int) -> Iterator[Chunk]:
        return fast_reader.read_partition(
            settings, topic, partition, position, end, max_ahead_ms, series, limits, fetch
        )

    def read_with_client(position: int) -> Iterator[Chunk]:
        from batch.log import client_reader  # which loads librdkafka

        return client_reader.read_partition(
            settings, topic, partition, position, end, max_ahead_ms, series, limits, consume
        )

    def next_offset(chunk: Chunk, _: int) -> int:
        return chunk.next_offset

    return _read(settings, topic, (start, end), read_fast, read_with_client, next_offset)


def read_values(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    start: int,
    end: int,
    limits: ReadLimits = LIMITS,
    fetch: Fetch = fetch_batches,
    consume: "Consume | None" = None,
) -> Iterator[list[Value]]:
    """Yield the values of the records at start <= Kafka offset < end, of any content; else as `read_partition`."""
    settings = settings.kafka_as("batch")

    def read_fast(position: int) -> Iterator[list[Value]]:
        return fast_reader.read_values(settings, topic, partition, position, end, limits, fetch)

    def read_with_client(position: int) -> Iterator[list[Value]]:
        from batch.log import client_reader  # which loads librdkafka

        return client_reader.read_values(settings, topic, partition, position, end, limits, consume)

    def next_offset(values: list[Value], position: int) -> int:
        return values[-1].offset + 1 if values else position

    return _read(settings, topic, (start, end), read_fast, read_with_client, next_offset)


def _read(
    settings: KafkaSettings,
    topic: str,
    wanted: tuple[int, int],
    read_fast: Callable[[int], Iterator[Read]],
    read_with_client: Callable[[int], Iterator[Read]],
    next_offset: Callable[[Read, int], int],
) -> Iterator[Read]:
    """Yield the records from a Kafka offset on, by the selected reader.

    Args:
        settings: which reader.
        topic: what is read, for the warning.
        wanted: the first wanted Kafka offset, and the first after the range.
        read_fast: reads from a Kafka offset on.
        read_with_client: likewise.
        next_offset: returns the first Kafka offset after what was read, given it and the position before.
    """
    position, end = wanted
    if settings.kafka_reader != "client":
        try:
            for read in read_fast(position):
                position = min(next_offset(read, position), end)
                yield read
            return
        except FastReaderUnavailable as error:
            if settings.kafka_reader == "fast":
                raise
            _warn(settings, topic, error)
    yield from read_with_client(position)


def _warn(settings: KafkaSettings, topic: str, why: FastReaderUnavailable) -> None:
    if (settings.kafka_bootstrap, topic) not in _WARNED:
        _WARNED.add((settings.kafka_bootstrap, topic))
        _LOG.warning("%s is read with Kafka's ordinary consumer, which is slower: %s", topic, why)
