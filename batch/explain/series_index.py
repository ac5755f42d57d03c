"""Reads what the offset index holds of one series before a time: the blocks with its events, and its late events.

Reads in one database snapshot, and only what one window takes. The log itself is read in
`batch.explain.series_events`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.index.blocks import read_blocks
from batch.index.origins import known_from_of
from batch.store.database import Connection
from batch.windows.window_events import SeriesEvent
from clients.statements import load_statements
from sma.days import day_number
from sma.durations import DAY_MS
from sma.origin import EVERYTHING_MS

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class IndexedSeries:
    """One series in one partition; a partition that was never indexed has no blocks.

    next_offset: how far the partition is indexed; its tail begins there.
    partition_max_log_time_ms: of an event or heartbeat of the partition; None where there is none.
    max_log_time_ms: of an event of the series; None where it has no event yet.
    blocks: int64, four rows: first_offset, next_offset, min_event_time_ms, max_event_time_ms; of the
        blocks that can hold events of the series in the wanted time that are not late; by Kafka offset.
    late: its late events in the wanted time, by Kafka offset.
    origin_offset: the first Kafka offset that was indexed; 0 where that is the log's beginning.
    known_from_ms: from when on its events are known, where it is not (`sma.origin`).
    """

    kafka_partition: int
    next_offset: int
    partition_max_log_time_ms: int | None
    max_log_time_ms: int | None
    blocks: NDArray[np.int64]
    late: tuple[SeriesEvent, ...]
    origin_offset: int = 0
    known_from_ms: int = EVERYTHING_MS


def partitions_of_series(connection: Connection, customer: str, metric: str) -> list[int]:
    """Return the partitions with indexed events of a series: one, unless producers have put them into more."""
    return [row[0] for row in connection.execute(_SQL["read_partitions"], {"customer": customer, "metric": metric})]


def read_series(
    connection: Connection, partition: int, customer: str, metric: str, from_ms: int, until_ms: int
) -> IndexedSeries:
    """Return what the index holds of a series' events with from_ms <= event time < until_ms."""
    bound = {
        "partition": partition,
        "customer": customer,
        "metric": metric,
        "from_ms": from_ms,
        "until_ms": until_ms,
    }
    row = connection.execute(_SQL["read_indexed_to"], bound).fetchone() or (0, None, 0)
    next_offset, partition_max_log_time_ms, origin_offset = row
    max_log_time = connection.execute(_SQL["read_newest"], bound).fetchone()
    days = [day_number(day) for (day,) in connection.execute(_SQL["read_days"], bound)]
    blocks = read_blocks(connection, partition, from_ms, until_ms)
    return IndexedSeries(
        partition,
        next_offset,
        partition_max_log_time_ms,
        max_log_time[0] if max_log_time else None,
        on_days(blocks, days, from_ms, until_ms),
        tuple(SeriesEvent(*row) for row in connection.execute(_SQL["read_late"], bound)),
        origin_offset,
        known_from_of(connection, [(customer, metric)]).get((customer, metric), EVERYTHING_MS),
    )


def on_days(blocks: NDArray[np.int64], days: Sequence[int], from_ms: int, until_ms: int) -> NDArray[np.int64]:
    """Return the blocks that overlap the time range on one of some days since the epoch, ascending."""
    _, _, min_times_ms, max_times_ms = blocks
    first = np.maximum(min_times_ms, from_ms) // DAY_MS
    last = np.minimum(max_times_ms, until_ms - 1) // DAY_MS
    sorted_days = np.array(days, np.int64)
    overlaps = np.searchsorted(sorted_days, first) < np.searchsorted(sorted_days, last, side="right")
    overlapping: NDArray[np.int64] = blocks[:, overlaps]
    return overlapping
