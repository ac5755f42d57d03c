"""A log in memory, indexed and read as the one in Kafka: the batch layer's own code, without its services."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from batch.index.index_pass import BLOCK_EVENTS, IndexPass, PassEnd
from batch.index.origins import KnownFrom
from batch.log.reader import Chunk
from batch.log.series_table import SeriesTable
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.windows.partition_windows import LOW_BITS, NO_END_MS, EventFilter, PartitionWindows, Source, Task
from batch.windows.spans import RowSpan, Span
from sma.averages import Average

EVENTS_SCHEMA = {
    "customer": pl.String,
    "metric": pl.String,
    "event_time_ms": pl.Int64,
    "value_micros": pl.Int64,
    "kafka_partition": pl.Int32,
    "kafka_offset": pl.Int64,
}
WHOLE = {"all": EventFilter()}
NOTHING_GONE = KnownFrom()


class MemoryLog:
    """Events (`EVENTS_SCHEMA`) by partition and offset, `step` of them in a chunk, indexed in blocks.

    A column `log_time_ms` may stand beside them; without it no clock was ahead.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        allowed_lateness_ms: int = 10**15,
        step: int = 7,
        block_events: int = BLOCK_EVENTS,
    ) -> None:
        self.passes: dict[int, IndexPass] = {}
        self.late: dict[int, list[tuple[int, str, str, int, int]]] = {}
        self._step = step
        self._events = {
            partition: events.filter(pl.col("kafka_partition") == partition).sort("kafka_offset")
            for partition in sorted(events["kafka_partition"].unique())
        }
        for partition, held in self._events.items():
            done = IndexPass(PassEnd(0, None, None), allowed_lateness_ms, block_events)
            self.passes[partition] = done
            late = self.late[partition] = []
            for start in range(0, held.height, step):
                found = done.add(_chunk(held.slice(start, step), done.series))
                columns = (found.kafka_offsets, found.series_ids, found.event_times_ms, found.values_micros)
                late += [
                    (offset, *done.series[number], time_ms, value)
                    for offset, number, time_ms, value in zip(*(column.tolist() for column in columns), strict=True)
                ]

    def late_positions(self) -> list[tuple[int, int]]:
        return [(partition, offset) for partition, late in self.late.items() for offset, *_ in late]

    def source(self, partition: int, known_from: KnownFrom) -> Source:
        held = [block for block in self.passes[partition].blocks if block.events]
        rows = [(b.first_offset, b.next_offset, b.min_event_time_ms, b.max_event_time_ms) for b in held]
        return Source(partition, np.array(rows, np.int64).reshape(-1, 4).T.copy(), self.late[partition], known_from)

    def read(self, partition: int, start: int, end: int, series: SeriesTable) -> Iterator[Chunk]:
        held = self._events[partition].filter(pl.col("kafka_offset").is_between(start, end, closed="left"))
        for first in range(0, held.height, self._step):
            yield _chunk(held.slice(first, self._step), series)

    def rows(
        self,
        averages: Sequence[Average],
        spans: Sequence[Span],
        filters: Mapping[str, EventFilter] = WHOLE,
        together: Sequence[Sequence[int]] | None = None,
        until_ms: int = NO_END_MS,
        known_from: KnownFrom = NOTHING_GONE,
    ) -> dict[str, pl.DataFrame]:
        """Return the rows of each part, with late_event_count, sorted; partitions are worked on one by one."""
        found: dict[str, list[tuple]] = {event_filter: [] for event_filter in filters}
        for group in together or [[partition] for partition in self._events]:
            sources = tuple(self.source(partition, known_from) for partition in group)
            task = Task(sources, tuple(averages), filters, tuple(spans), until_ms=until_ms)
            windows = PartitionWindows(task, self.read)
            for _, several in windows.rows():
                for rows in several:
                    numbers = np.repeat(np.arange(rows.row_counts.size), rows.row_counts)
                    late = [0] * numbers.size if rows.late_event_counts is None else rows.late_event_counts.tolist()
                    high, *low = (lane.tolist() for lane in rows.sums)
                    sums = [(h << LOW_BITS) + lo for h, lo in zip(high, low[0], strict=True)] if low else high
                    columns = (rows.as_of_ms.tolist(), sums, rows.event_counts.tolist(), late)
                    found[rows.event_filter] += [
                        (*windows.series[number], rows.average, *row)
                        for number, *row in zip(numbers.tolist(), *columns, strict=True)
                    ]
        schema = {**AVERAGES_SCHEMA, "late_event_count": pl.Int64}
        return {
            event_filter: pl.DataFrame(rows, schema, orient="row").sort(KEY) for event_filter, rows in found.items()
        }


def recompute(
    events: pl.DataFrame,
    averages: Sequence[Average],
    from_ms: int,
    until_ms: int,
    closed_ms: int = NO_END_MS - 1,
    known_from: KnownFrom = NOTHING_GONE,
) -> pl.DataFrame:
    """Return the rows of some averages with from_ms <= as_of < until_ms, as the batch layer works them out.

    Of a partition in which windows are closed up to `closed_ms` only, they are the rows up to there.
    """
    if "kafka_partition" not in events.columns:
        events = events.with_columns(kafka_partition=pl.lit(0, pl.Int32), kafka_offset=pl.int_range(pl.len()))
    whole = [Span(-(10**16), from_ms, ()), Span(from_ms, until_ms, (RowSpan(from_ms, until_ms),))]
    log = MemoryLog(events.select(EVENTS_SCHEMA.keys()), step=5_000)
    rows = log.rows(averages, whole, until_ms=closed_ms + 1, known_from=known_from)
    return rows["all"].select(AVERAGES_SCHEMA.keys())


def _chunk(events: pl.DataFrame, series: SeriesTable) -> Chunk:
    nothing = np.empty(0, np.int64)
    numbers = [series.number(*names) for names in events.select("customer", "metric").rows()]
    offsets = events["kafka_offset"].to_numpy()
    return Chunk(
        records=events.height,
        next_offset=int(offsets[-1]) + 1,
        series_ids=np.array(numbers, np.int32),
        event_times_ms=events["event_time_ms"].to_numpy().copy(),
        log_times_ms=events["log_time_ms" if "log_time_ms" in events.columns else "event_time_ms"].to_numpy().copy(),
        values_micros=events["value_micros"].to_numpy().copy(),
        kafka_offsets=offsets.copy(),
        heartbeat_offsets=nothing,
        heartbeat_times_ms=nothing,
        rejected_offsets=nothing,
        reasons=(),
    )
