"""Reads one partition of the log as columns, fast: events, heartbeats and rejected records, with offsets.

It combines `fetch`, `record_batches`, `decompressed_batches`, `records` and `flat_records`. Whoever reads the log goes
through `batch.log.reader`, which has another reader for what this one cannot read.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from batch.log.broker import Fetched
from batch.log.chunk import Chunk, Value
from batch.log.decompressed_batches import DecompressedBatches
from batch.log.fetch import fetch_batches
from batch.log.flat_json import EVENT, HEARTBEAT, REST
from batch.log.flat_records import FlatRecords, read_flat_records
from batch.log.limits import LIMITS, ReadLimits
from batch.log.record_batches import end_of_batches, split_batches
from batch.log.records import Records
from batch.log.series_table import SeriesTable
from batch.log.unreadable import require_max_ahead, require_range
from clients.kafka.batches import committed
from sma.event import Event, Rejected, read_record
from sma.settings import KafkaSettings

Fetch = Callable[[KafkaSettings, str, int, int, int, ReadLimits], Iterator[Fetched]]
"""As `batch.log.fetch.fetch_batches`."""


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
) -> Iterator[Chunk]:
    """Yield the records at start <= Kafka offset < end, in the log's order, read-committed.

    A chunk has at most `limits.chunk_records` records and `limits.chunk_bytes` decompressed bytes, or is one batch, and
    may hold no record. The last one's `next_offset` is at or after `end`; gaps are normal. Arguments are those of
    `batch.log.reader.read_partition`.

    Raises:
        FastReaderUnavailable: this reader does not support the broker or a batch.
        SmaError: Kafka does not answer or no longer holds all of the range, or a batch is damaged.
    """
    require_max_ahead(max_ahead_ms)
    for batches, records, next_offset in _decompressed_batches(settings, topic, partition, start, end, limits, fetch):
        yield _chunk(batches, records, next_offset, max_ahead_ms, series)


def read_values(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    start: int,
    end: int,
    limits: ReadLimits = LIMITS,
    fetch: Fetch = fetch_batches,
) -> Iterator[list[Value]]:
    """Yield the values of the records at start <= Kafka offset < end, of any content; else as `read_partition`."""
    for batches, records, _ in _decompressed_batches(settings, topic, partition, start, end, limits, fetch):
        places = zip(
            records.kafka_offsets.tolist(), records.value_starts.tolist(), records.value_lengths.tolist(), strict=True
        )
        yield [Value(partition, offset, batches.content(begin, length)) for offset, begin, length in places]


def _decompressed_batches(
    settings: KafkaSettings, topic: str, partition: int, start: int, end: int, limits: ReadLimits, fetch: Fetch
) -> Iterator[tuple[DecompressedBatches, Records, int]]:
    """Yield as many committed batches as make a chunk, their records, and the first Kafka offset after them."""
    where = f"{topic}: partition {partition}"
    require_range(where, start, end)
    batches = DecompressedBatches(where, limits)
    position = start  # records before it were read; the first batch of a fetch may begin earlier
    for fetched in fetch(settings, topic, partition, start, end, limits):
        for batch in committed(split_batches(fetched.records, where), fetched.aborted):
            if batch.last_offset < position or batch.base_offset >= end or not batch.record_count:
                continue
            if not batches.add(batch):
                yield batches, batches.decode(position, end), batch.base_offset
                batches.clear()
                batches.add(batch)
        fetched_end = end_of_batches(fetched.records, where)
        yield batches, batches.decode(position, end), fetched_end
        position = fetched_end
        batches.clear()


def _chunk(
    batches: DecompressedBatches, records: Records, next_offset: int, max_ahead_ms: int, series: SeriesTable
) -> Chunk:
    read = read_flat_records(batches.bytes, records, max_ahead_ms)
    too_long = batches.too_long(records)
    read.kinds[list(too_long)] = REST
    series_ids = series.number_all(batches.bytes, records.key_starts, records.key_lengths, read.kinds, EVENT)
    reasons = _read_rest(batches, records, read, max_ahead_ms, series, series_ids, too_long)
    is_event, is_heartbeat = read.kinds == EVENT, read.kinds == HEARTBEAT
    if is_event.all():
        is_event = slice(None)  # nothing to copy
    return Chunk(
        records=len(read.kinds),
        next_offset=next_offset,
        series_ids=series_ids[is_event],
        event_times_ms=read.times_ms[is_event],
        log_times_ms=read.log_times_ms[is_event],
        values_micros=read.values_micros[is_event],
        kafka_offsets=records.kafka_offsets[is_event],
        heartbeat_offsets=records.kafka_offsets[is_heartbeat],
        heartbeat_times_ms=read.log_times_ms[is_heartbeat],
        rejected_offsets=records.kafka_offsets[read.kinds == REST],
        reasons=tuple(reasons),
    )


def _read_rest(
    batches: DecompressedBatches,
    records: Records,
    read: FlatRecords,
    max_ahead_ms: int,
    series: SeriesTable,
    series_ids: npt.NDArray[np.int32],
    too_long: Mapping[int, str],
) -> list[str]:
    """Read strictly the records that are not flat, into the same columns; those that stay REST are rejected."""
    reasons = []
    for row in np.flatnonzero(read.kinds == REST).tolist():
        if row in too_long:
            reasons.append(too_long[row])
            continue
        key = batches.content(records.key_starts[row], records.key_lengths[row])
        raw = batches.content(records.value_starts[row], records.value_lengths[row])
        strict = read_record(key, raw, int(records.timestamps_ms[row]), max_ahead_ms)
        if isinstance(strict, Rejected):
            reasons.append(strict.reason)
            continue
        read.log_times_ms[row] = strict.log_time_ms
        read.kinds[row] = HEARTBEAT
        if isinstance(strict, Event):
            read.kinds[row] = EVENT
            read.times_ms[row] = strict.event_time_ms
            read.values_micros[row] = strict.value_micros
            series_ids[row] = series.number(strict.customer, strict.metric)
    return reasons
