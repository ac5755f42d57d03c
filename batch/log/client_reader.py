"""Reads one partition with Kafka's ordinary consumer and `sma.event.read_record`: slower, and on any Kafka.

It yields what `batch.log.fast_reader` yields, and fails with the same errors. How bytes are laid out is librdkafka's
concern; what a record means is `sma.event`'s. Nothing is committed, and no group is joined.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from batch.log.chunk import Chunk, Value
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from batch.log.unreadable import (
    could_not_be_read,
    not_retained,
    require_max_ahead,
    require_range,
    silent,
)
from clients.answers import Refused
from clients.kafka.connection import SERVICE, failure, reading
from clients.kafka.wire import MAX_ANSWER_BYTES, addresses
from sma.errors import SmaError
from sma.event import Event, Heartbeat, read_record
from sma.settings import KafkaSettings

_POLL_SECONDS = 0.1

_CONSUMER = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "enable.auto.offset.store": False,
    "check.crcs": True,
    "receive.message.max.bytes": MAX_ANSWER_BYTES,
    "fetch.wait.max.ms": 50,  # how soon the consumer notices the end of the log
    "fetch.queue.backoff.ms": 50,
    "max.poll.interval.ms": 86_400_000,  # the caller may take its time over a chunk
}
_DAMAGED = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED})
_UNKNOWN = frozenset({KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})


class Record(NamedTuple):
    """A record as Kafka keeps it, without its headers; the timestamp is -1 where it has none."""

    kafka_offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


Consume = Callable[[KafkaSettings, str, int, int, int, ReadLimits], Iterator[tuple[list[Record], int]]]
"""As `committed`."""


def read_partition(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    start: int,
    end: int,
    max_ahead_ms: int,
    series: SeriesTable,
    limits: ReadLimits = LIMITS,
    consume: Consume | None = None,
) -> Iterator[Chunk]:
    """Yield the records at start <= Kafka offset < end, in the log's order, read-committed.

    A chunk is of at most `limits.client_chunk_records` records and `limits.chunk_bytes` of values, except for a single
    larger record, and may hold no record. The last one's `next_offset` is `end`; gaps are normal. Arguments are those
    of `batch.log.reader.read_partition`.

    Raises:
        SmaError: Kafka does not answer or no longer holds all of the range, or a batch is damaged.
    """
    require_max_ahead(max_ahead_ms)
    for records, next_offset in (consume or committed)(settings, topic, partition, start, end, limits):
        yield chunk_of(records, next_offset, max_ahead_ms, series)


def read_values(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    start: int,
    end: int,
    limits: ReadLimits = LIMITS,
    consume: Consume | None = None,
) -> Iterator[list[Value]]:
    """Yield the values of the records at start <= Kafka offset < end, of any content; else as `read_partition`."""
    for records, _ in (consume or committed)(settings, topic, partition, start, end, limits):
        yield [Value(partition, record.kafka_offset, record.value) for record in records]


def chunk_of(records: Iterable[Record], next_offset: int, max_ahead_ms: int, series: SeriesTable) -> Chunk:
    """Return records, which are in the log's order, as columns.

    Args:
        records: of one partition.
        next_offset: the first Kafka offset after them, control records and gaps included.
        max_ahead_ms: as for `sma.event.read_record`.
        series: gets a number for each series that is new to it.
    """
    numbers: dict[tuple[str, str], int] = {}
    events: list[tuple[int, int, int, int, int]] = []
    heartbeats: list[tuple[int, int]] = []
    rejected: list[tuple[int, str]] = []
    for offset, timestamp_ms, key, value in records:
        read = read_record(key, value, timestamp_ms, max_ahead_ms)
        if isinstance(read, Event):
            names = (read.customer, read.metric)
            if names not in numbers:
                numbers[names] = series.number(*names)
            events.append((numbers[names], read.event_time_ms, read.log_time_ms, read.value_micros, offset))
        elif isinstance(read, Heartbeat):
            heartbeats.append((offset, read.log_time_ms))
        else:
            rejected.append((offset, read.reason))
    series_ids, event_times_ms, log_times_ms, values_micros, kafka_offsets = (
        np.array(events, np.int64).reshape(-1, 5).T.copy()
    )
    heartbeat_offsets, heartbeat_times_ms = np.array(heartbeats, np.int64).reshape(-1, 2).T.copy()
    return Chunk(
        records=len(events) + len(heartbeats) + len(rejected),
        next_offset=next_offset,
        series_ids=series_ids.astype(np.int32),
        event_times_ms=event_times_ms,
        log_times_ms=log_times_ms,
        values_micros=values_micros,
        kafka_offsets=kafka_offsets,
        heartbeat_offsets=heartbeat_offsets,
        heartbeat_times_ms=heartbeat_times_ms,
        rejected_offsets=np.array([offset for offset, _ in rejected], np.int64),
        reasons=tuple(reason for _, reason in rejected),
    )


def committed(
    settings: KafkaSettings, topic: str, partition: int, start: int, end: int, limits: ReadLimits = LIMITS
) -> Iterator[tuple[list[Record], int]]:
    """Yield as many committed records as make a chunk, and the first Kafka offset after them.

    Where the range ends in control records, gaps or aborted transactions, either a record after it or the end of the
    log shows that it was read whole.
    """
    where = f"{topic}: partition {partition}"
    require_range(where, start, end)
    if start == end:
        return
    addresses(settings.kafka_bootstrap)  # librdkafka would wait for a malformed address
    position, records, chunk_bytes = start, list[Record](), 0
    with reading(settings, f"{settings.topic_prefix}batch", topic, {partition: start}, **_CONSUMER) as consumer:
        patience = _Patience(settings, consumer, topic, partition, end, limits)
        while position < end:
            message = consumer.poll(_POLL_SECONDS)
            before = position
            if message is not None:
                offset = message.offset()
                at = position if offset is None else offset
                if (error := message.error()) is not None:
                    position = max(position, _log_end(settings, error, at, where, position, end))
                elif at < end:
                    records.append(Record(at, message.timestamp()[1], message.key(), message.value()))
                    chunk_bytes += len(records[-1].key or b"") + len(records[-1].value or b"")
                    position = at + 1
                else:
                    position = end
            if position > before:
                patience.renew()
            else:
                patience.require(position)
            is_full = len(records) >= limits.client_chunk_records or chunk_bytes >= limits.chunk_bytes
            if position >= end or is_full or (records and message is None):
                yield records, min(position, end)
                records, chunk_bytes = [], 0
                patience.renew()


def _log_end(settings: KafkaSettings, error: KafkaError, at: int, where: str, position: int, end: int) -> int:
    """Return the Kafka offset at which the consumer reached the end of the log, if that is what it reports.

    Raises:
        SmaError: it reports anything else.
    """
    if error.code() == KafkaError._PARTITION_EOF:
        return at
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise not_retained(where, position, end)
    if error.code() in _DAMAGED:
        raise SmaError(f"{where}: the record batch at Kafka offset {at} is damaged: {error.str()}")
    topic = where.partition(":")[0]
    needs = [f"Read on Topic:{topic}", f"Describe on Group:{settings.topic_prefix}batch"]
    raise failure(settings, KafkaException(error), could_not_be_read(where, position), needs)


class _Patience:
    """How long to wait for one range: as long as `batch.log.fetch` does."""

    def __init__(
        self,
        settings: KafkaSettings,
        consumer: Consumer,
        topic: str,
        partition: int,
        end: int,
        limits: ReadLimits,
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._consumer = consumer
        self._partition = TopicPartition(topic, partition)
        self._where = f"{topic}: partition {partition}"
        self._end = end
        self.renew()

    def renew(self) -> None:
        """Start the waiting time again: Kafka sent a record, or was not asked."""
        self._since = time.monotonic()
        self._answered = False

    def require(self, position: int) -> None:
        """Check that the waiting time at a position is not over.

        Raises:
            SmaError: it is.
        """
        waited = time.monotonic() - self._since
        if waited > self._limits.silence_seconds:
            seconds = self._limits.silence_seconds
            raise silent(self._settings.kafka_bootstrap, seconds, self._where, position, self._end)
        if waited > self._limits.retry_seconds and not self._answered:
            self._require_answer(position)
            self._answered = True

    def _require_answer(self, position: int) -> None:
        """Check that Kafka answers, and only has nothing to send: the consumer itself tries for ever."""
        what = could_not_be_read(self._where, position)
        try:
            self._consumer.get_watermark_offsets(self._partition, timeout=self._limits.response_seconds)
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() in _UNKNOWN:
                raise Refused(SERVICE, self._settings.kafka_bootstrap, f"{what}: {reason.str()}") from error
            raise failure(self._settings, error, what) from error
