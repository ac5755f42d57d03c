"""The batch layer in the benchmark, without tables of results: from Kafka to windows, and window arithmetic alone."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from batch.index.closed_days import low_watermark_ms
from batch.index.extend import extend_index
from batch.index.log_index import read_index
from batch.log.parallel import each_message
from batch.log.reader import Chunk, read_partition
from batch.log.series_table import SeriesTable
from batch.schedule.owner_days import closed_owner_days
from batch.store.database import connect, snapshot
from batch.windows.day_plan import DayPlan, plan_days
from batch.windows.kernels import Windows, count_windows, duration_windows, sums_before
from batch.windows.partition_windows import LOW_BITS, EventFilter, PartitionWindows, Rows, Task
from bench.batch.columns import Columns
from bench.batch.setting import AVERAGES
from bench.cluster import PARALLELISM
from bench.databases import own_database
from bench.events import PARTITIONS, Log
from sma.errors import SmaError
from sma.settings import Settings
from sma.window import CountWindow

ALL = "all"
Series = Sequence[tuple[str, str]]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Work:
    task: Task
    settings: Settings
    gives_rows: bool


@dataclass(frozen=True, slots=True)
class _Done:
    """When a task was begun and ended; its rows, if they are wanted, and the series that their numbers mean."""

    began: float
    ended: float
    rows: Sequence[Rows]
    series: Series


@contextmanager
def indexed(log: Log) -> Iterator[tuple[Log, float]]:
    """Yield the log with a database of its own, which has the offset index; and the seconds that this index took."""
    with own_database(log.settings) as settings:
        began = time.monotonic()
        extend_index(settings, AVERAGES, nowhere)
        yield replace(log, settings=settings), time.monotonic() - began


def plan_all(log: Log) -> DayPlan:
    """Plan every day that has a window of an indexed log.

    Raises:
        SmaError: the index does not hold all events, or holds others.
    """
    with connect(log.settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, snapshot(connection):
        index = read_index(connection)
        low_watermark = low_watermark_ms(index, AVERAGES.watermark_delay_ms)
        owned = closed_owner_days(connection, AVERAGES)
        if not owned or index.read_to != log.closed_ends:
            raise SmaError(f"the index reaches to {index.read_to}, not to {log.closed_ends}")
        first, last = owned[0], owned[-1]
        every_day = [first + timedelta(days=after) for after in range((last - first).days + 1)]
        filters = {ALL: EventFilter()}
        return plan_days(connection, AVERAGES.averages, filters, list(index.read_to), every_day, low_watermark + 1)


def kafka_to_averages(log: Log) -> float:
    """Compute every window of an indexed log in memory; return seconds, without those in which processes start."""
    return _compute(log, gives_rows=False)[0]


def averages_of(log: Log) -> pl.DataFrame:
    """Return what `kafka_to_averages` computes, as `averages` of `batch.averages_schema` but in any order."""
    _, tasks = _compute(log, gives_rows=True)
    return pl.concat(
        _frame(rows.average, rows.row_counts, rows.as_of_ms, rows.sums, rows.event_counts, done.series)
        for done in tasks
        for rows in done.rows
    )


def _compute(log: Log, *, gives_rows: bool) -> tuple[float, list[_Done]]:
    began = time.monotonic()
    plan = plan_all(log)
    planned_s = time.monotonic() - began
    work = [_Work(task, log.settings, gives_rows) for task in plan.tasks]
    tasks = [done for _, done in each_message(_work, work, plan.offsets)]
    return planned_s + max(done.ended for done in tasks) - min(done.began for done in tasks), tasks


def _work(work: _Work) -> Iterator[_Done]:
    began = time.monotonic()
    windows = PartitionWindows(work.task, partial(_read, work.settings))
    rows = [rows for _, several in windows.rows() for rows in several]
    ended = time.monotonic()
    names = tuple(windows.series[place] for place in range(len(windows.series)))
    yield _Done(began, ended, rows if work.gives_rows else (), names)


def _read(settings: Settings, partition: int, start: int, end: int, series: SeriesTable) -> Iterator[Chunk]:
    return read_partition(settings, settings.events_topic, partition, start, end, AVERAGES.max_ahead_ms, series)


def kernel(held: Columns) -> tuple[float, int]:
    """Compute every window of columns in memory, with a thread for each core; return seconds and windows."""
    pieces = list(_pieces(held))
    began = time.monotonic()
    found = _kernel(pieces)
    return time.monotonic() - began, sum(windows.as_of_ms.size for several in found for windows in several.values())


def kernel_averages(held: Columns) -> pl.DataFrame:
    """Return what `kernel` computes, as `averages` of `batch.store.averages_schema` but in any order."""
    pieces = list(_pieces(held))
    return pl.concat(
        _frame(average, w.row_counts, w.as_of_ms, (w.value_sums,), w.event_counts, piece.series)
        for piece, several in zip(pieces, _kernel(pieces), strict=True)
        for average, w in several.items()
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole series; `ends` is one past the last event of each."""

    series: Series
    ends: Ints
    event_time_ms: Ints
    value_micros: Ints


def _kernel(pieces: Sequence[_Piece]) -> list[dict[str, Windows]]:
    with ThreadPoolExecutor(PARALLELISM) as threads:
        return list(threads.map(_windows, pieces))


def _pieces(held: Columns) -> Iterator[_Piece]:
    """Yield as many series together as there are in a partition."""
    ends = np.searchsorted(held.series_id, np.arange(len(held.series)), side="right")
    cuts = np.linspace(0, len(held.series), PARTITIONS + 1).astype(np.int64).tolist()
    for first, behind in pairwise(cuts):
        start, end = int(ends[first - 1]) if first else 0, int(ends[behind - 1])
        yield _Piece(
            held.series[first:behind],
            ends[first:behind] - start,
            held.event_time_ms[start:end],
            held.value_micros[start:end],
        )


def _windows(held: _Piece) -> dict[str, Windows]:
    """As `PartitionWindows` does with the events of one reading."""
    made = [average.as_ofs_made_by(int(held.event_time_ms.max()))[-1] for average in AVERAGES.averages]
    bounds = int(held.event_time_ms.min()), max(made) + 1
    before = sums_before(held.value_micros)
    several = {}
    for average in AVERAGES.averages:
        find, length = (
            (count_windows, average.window.event_count)
            if isinstance(average.window, CountWindow)
            else (duration_windows, average.window.duration_ms)
        )
        several[average.name] = find(held.ends, held.event_time_ms, before, length, average.every_ms, *bounds)
    return several


def _frame(
    average: str,
    row_counts: Ints,
    as_of_ms: Ints,
    sums: Sequence[Ints],
    event_counts: NDArray[np.int32],
    series: Series,
) -> pl.DataFrame:
    names = pl.DataFrame(series, {"customer": pl.String, "metric": pl.String}, orient="row")
    high, *low = (pl.lit(pl.Series(lane)).cast(pl.Int128) for lane in sums)
    return names[np.repeat(np.arange(row_counts.size), row_counts)].select(
        "customer",
        "metric",
        average=pl.lit(average),
        as_of_ms=pl.Series(as_of_ms),
        value_sum_micros=high * pl.lit(1 << LOW_BITS, pl.Int128) + low[0] if low else high,
        event_count=pl.Series(event_counts, dtype=pl.Int64),
    )


def nowhere(_: str) -> None:
    """Take a line of progress."""
