"""The retained log, read once and in order: which events, heartbeats and unreadable records does it hold?

How far a stream is, and which windows are closed, is not decided here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from batch.kafka import OffsetRange, Progress, Record, read_records, retained_ranges
from sma.errors import SmaError
from sma.event import Event, Rejected, read_record
from sma.settings import Settings

EVENTS_SCHEMA = {
    "customer": pl.String,
    "metric": pl.String,
    "event_time_ms": pl.Int64,
    "value_micros": pl.Int64,
    "kafka_partition": pl.Int32,
    "kafka_offset": pl.Int64,
}
POSITIONS_SCHEMA = {"kafka_partition": pl.Int32, "kafka_offset": pl.Int64}

_PROGRESS_EVERY_RECORDS = 500_000


@dataclass(frozen=True, slots=True)
class PartitionRead:
    """What one partition held at read_from <= Kafka offset < read_to; records = events + rejected + heartbeats.

    `read_to` is one past the last record, so that control records behind it are not waited for.
    `newest_time_ms` is the newest time of an event or heartbeat; None where there is none.
    """

    kafka_partition: int
    read_from: int
    read_to: int
    records: int
    events: int
    rejected: int
    heartbeats: int
    newest_time_ms: int | None


@dataclass(frozen=True, slots=True)
class LogRead:
    """One reading of the log.

    events: customer str, metric str, event_time_ms Int64, value_micros Int64, kafka_partition Int32,
        kafka_offset Int64; sorted by partition, kafka_offset; one row per (partition, kafka_offset).
    rejected: kafka_partition Int32, kafka_offset Int64; sorted and unique likewise.
    partitions: every partition of the topic, in order.
    """

    events: pl.DataFrame
    rejected: pl.DataFrame
    partitions: tuple[PartitionRead, ...]

    @property
    def records(self) -> int:
        """How many records were read."""
        return sum(partition.records for partition in self.partitions)

    @property
    def read_to(self) -> dict[int, int]:
        """The first Kafka offset not read, by partition."""
        return {partition.kafka_partition: partition.read_to for partition in self.partitions}


def read_log(settings: Settings, max_ahead_ms: int, progress: Progress) -> LogRead:
    """Read the topic `events` from its beginning to its end.

    Raises:
        SmaError: Kafka does not answer, or no longer retains the beginning.
    """
    ranges = retained_ranges(settings, settings.events_topic)
    require_whole(settings.events_topic, ranges)
    return collect(read_records(settings, settings.events_topic, ranges), ranges, max_ahead_ms, progress)


def require_whole(topic: str, ranges: Mapping[int, OffsetRange]) -> None:
    """Refuse a log whose beginning is gone: an event of any day may have stood there.

    Raises:
        SmaError: names the first such partition and the Kafka offsets that are missing.
    """
    for partition, held in ranges.items():
        if held.start > 0:
            raise SmaError(
                f"{topic}: partition {partition} no longer retains the Kafka offsets 0 to {held.start - 1}, so no day "
                "can be known to be whole: nothing was computed, and stored answers stay as they are"
            )


def collect(
    chunks: Iterable[list[Record]], ranges: Mapping[int, OffsetRange], max_ahead_ms: int, progress: Progress
) -> LogRead:
    """Turn records into frames and counts; see `LogRead` for what comes out."""
    partitions = {partition: _Partition(partition, held.start) for partition, held in ranges.items()}
    events, rejected = [pl.DataFrame(schema=EVENTS_SCHEMA)], [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    offsets = sum(held.end - held.start for held in ranges.values())
    records = 0
    for chunk in chunks:
        chunk_events, chunk_rejected = _read_chunk(chunk, partitions, max_ahead_ms)
        events.append(chunk_events)
        rejected.append(chunk_rejected)
        if (records + len(chunk)) // _PROGRESS_EVERY_RECORDS > records // _PROGRESS_EVERY_RECORDS:
            progress(f"read {records + len(chunk):,} of {offsets:,} offsets")
        records += len(chunk)
    return LogRead(
        events=pl.concat(events).sort("kafka_partition", "kafka_offset"),
        rejected=pl.concat(rejected).sort("kafka_partition", "kafka_offset"),
        partitions=tuple(partition.read() for _, partition in sorted(partitions.items())),
    )


def before(events: pl.DataFrame, read_to: Mapping[int, int]) -> pl.DataFrame:
    """Return the events that stand before some Kafka offsets, by partition; in the order they came."""
    ends = pl.DataFrame(list(read_to.items()), {"kafka_partition": pl.Int32, "read_to": pl.Int64}, orient="row")
    held = events.join(ends, on="kafka_partition", how="inner", maintain_order="left")
    return held.filter(pl.col("kafka_offset") < pl.col("read_to")).drop("read_to")


@dataclass(slots=True)
class _Partition:
    """The counts of one partition while it is being read."""

    kafka_partition: int
    read_from: int
    last_offset: int = -1
    events: int = 0
    rejected: int = 0
    heartbeats: int = 0
    newest_time_ms: int | None = None

    def read(self) -> PartitionRead:
        return PartitionRead(
            kafka_partition=self.kafka_partition,
            read_from=self.read_from,
            read_to=max(self.last_offset + 1, self.read_from),
            records=self.events + self.rejected + self.heartbeats,
            events=self.events,
            rejected=self.rejected,
            heartbeats=self.heartbeats,
            newest_time_ms=self.newest_time_ms,
        )


def _read_chunk(
    chunk: list[Record], partitions: Mapping[int, _Partition], max_ahead_ms: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    events: list[tuple[Event, int, int]] = []
    rejected: list[tuple[int, int]] = []
    for record in chunk:
        partition, offset = partitions[record.partition], record.offset
        read = read_record(record.value, record.timestamp_ms, max_ahead_ms)
        partition.last_offset = offset
        if isinstance(read, Rejected):
            partition.rejected += 1
            rejected.append((partition.kafka_partition, offset))
            continue
        if partition.newest_time_ms is None or read.event_time_ms > partition.newest_time_ms:
            partition.newest_time_ms = read.event_time_ms
        if isinstance(read, Event):
            partition.events += 1
            events.append((read, partition.kafka_partition, offset))
        else:
            partition.heartbeats += 1
    columns = {
        "customer": [event.customer for event, _, _ in events],
        "metric": [event.metric for event, _, _ in events],
        "event_time_ms": [event.event_time_ms for event, _, _ in events],
        "value_micros": [event.value_micros for event, _, _ in events],
        "kafka_partition": [partition for _, partition, _ in events],
        "kafka_offset": [offset for _, _, offset in events],
    }
    return pl.DataFrame(columns, EVENTS_SCHEMA), pl.DataFrame(rejected, POSITIONS_SCHEMA, orient="row")
