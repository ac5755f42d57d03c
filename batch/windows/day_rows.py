"""Computes the rows of planned days from the log, all partitions at once, in processes, through files on disk.

A day's rows are complete when every partition has computed its own. Until then they are in files, so that memory holds
a span of each partition and not a day.
"""

import pickle
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from batch.log.parallel import each_message
from batch.log.reader import Chunk, read_partition
from batch.log.series_table import SeriesTable
from batch.windows.day_plan import DayPlan
from batch.windows.partition_windows import LOW_BITS, EventFilter, PartitionWindows, Rows, Task
from batch.windows.spans import RowSpan
from sma.days import day_of
from sma.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class SpanRows:
    """The rows with from_ms <= as_of < until_ms, in files that exist until the next day is requested."""

    from_ms: int
    until_ms: int
    _filters: Mapping[str, EventFilter]
    _files: tuple["_Spooled", ...]

    def frames(self, average: str) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield the rows of one average by each filter; each frame is read from its files only when it is yielded.

        Yields:
            the filter's name, and rows: `averages` of `batch.store.averages_schema`, followed by late_event_count
            Int64 where the filter `counts_late`; sorted by and unique in the key.
        """
        for name, event_filter in self._filters.items():
            yield name, self._frame(name, average, counts_late=event_filter.counts_late)

    def _frame(self, event_filter: str, average: str, *, counts_late: bool) -> pl.DataFrame:
        """Return the rows of all tasks, sorted by series and time: whole series are reordered, not rows."""
        names = pl.concat([spooled.names for spooled in self._files]).with_row_index("number")
        by_task = [spooled.rows(event_filter, average) for spooled in self._files]
        row_counts = np.concatenate(
            [
                np.pad(rows.row_counts, (0, spooled.names.height - rows.row_counts.size))
                for rows, spooled in zip(by_task, self._files, strict=True)
            ]
        )
        by_name = names.filter(pl.Series(row_counts) > 0).sort("customer", "metric")
        numbers = by_name["number"].to_numpy()
        lengths = row_counts[numbers]
        starts = (np.cumsum(row_counts) - row_counts)[numbers]
        order = np.arange(lengths.sum()) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)

        def column(of: Callable[[Rows], pl.Series]) -> pl.Series:
            return pl.concat([of(rows) for rows in by_task]).gather(order)

        columns = {
            "as_of_ms": column(lambda rows: pl.Series(rows.as_of_ms)),
            "value_sum_micros": column(_sums),
            "event_count": column(lambda rows: pl.Series(rows.event_counts, dtype=pl.Int64)),
        }
        if counts_late:
            columns["late_event_count"] = column(lambda rows: pl.Series(rows.late_event_counts))
        frame: pl.DataFrame = by_name[np.repeat(np.arange(numbers.size), lengths)].select(
            "customer", "metric", average=pl.lit(average), **columns
        )
        return frame


@dataclass(frozen=True, slots=True)
class _Spooled:
    """The rows of a row span of one task, in files; and customer and metric of each series by its number."""

    paths: dict[tuple[str, str], Path]
    names: pl.DataFrame

    def rows(self, event_filter: str, average: str) -> Rows:
        rows: Rows = pickle.loads(self.paths[event_filter, average].read_bytes())  # noqa: S301 - this process's own children wrote it
        return rows

    def delete(self) -> None:
        for path in self.paths.values():
            path.unlink()


@dataclass(frozen=True, slots=True)
class _Message:
    """What a task sends for one row span: the files of its rows, and the names of series that are new."""

    wanted: RowSpan
    paths: dict[tuple[str, str], Path]
    new_names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Work:
    task: Task
    settings: BatchSettings
    max_ahead_ms: int
    folder: Path


def rows_of(plan: DayPlan, settings: BatchSettings, max_ahead_ms: int) -> Iterator[tuple[date, tuple[SpanRows, ...]]]:
    """Yield the days of a plan, oldest first, and their rows, by time: they are deleted when the next day is requested.

    A day has no rows where none of its windows is closed.

    Raises:
        SmaError: Kafka does not answer, or no longer holds a required block.
    """
    row_spans_of_day = _by_day(plan)
    names: list[list[tuple[str, str]]] = [[] for _ in plan.tasks]
    spooled: dict[RowSpan, list[_Spooled]] = defaultdict(list)
    with (
        TemporaryDirectory(prefix="sma-rows-") as folder,
        closing(_messages(plan, settings, max_ahead_ms, Path(folder))) as messages,
    ):
        for day in plan.days:
            wanted = row_spans_of_day[day]
            while any(len(spooled[each]) < len(plan.tasks) for each in wanted):
                place, message = next(messages)
                names[place] += message.new_names
                spooled[message.wanted].append(_Spooled(message.paths, _names_frame(names[place])))
            yield (
                day,
                tuple(SpanRows(each.from_ms, each.until_ms, plan.filters, tuple(spooled[each])) for each in wanted),
            )
            for each in wanted:
                for rows in spooled.pop(each):
                    rows.delete()


def _messages(
    plan: DayPlan, settings: BatchSettings, max_ahead_ms: int, folder: Path
) -> Generator[tuple[int, _Message]]:
    work = [_Work(task, settings, max_ahead_ms, folder / str(number)) for number, task in enumerate(plan.tasks)]
    return each_message(_spool, work, plan.offsets, plan.limits)


def _by_day(plan: DayPlan) -> dict[date, list[RowSpan]]:
    by_day: dict[date, list[RowSpan]] = {day: [] for day in plan.days}
    for span in plan.tasks[0].spans if plan.tasks else ():
        for each in span.row_spans:
            by_day[day_of(each.from_ms)].append(each)
    return by_day


def _spool(work: _Work) -> Iterator[_Message]:
    work.folder.mkdir()
    windows = PartitionWindows(work.task, partial(_read, work.settings, work.max_ahead_ms))
    sent = 0
    for number, (wanted, of_span) in enumerate(windows.rows()):
        paths = {}
        for place, rows in enumerate(of_span):
            paths[rows.event_filter, rows.average] = path = work.folder / f"{number}-{place}"
            path.write_bytes(pickle.dumps(rows, protocol=pickle.HIGHEST_PROTOCOL))
        names = tuple(windows.series[place] for place in range(sent, len(windows.series)))
        sent += len(names)
        yield _Message(wanted, paths, names)


def _read(
    settings: BatchSettings, max_ahead_ms: int, partition: int, start: int, end: int, series: SeriesTable
) -> Iterator[Chunk]:
    return read_partition(settings, settings.events_topic, partition, start, end, max_ahead_ms, series)


def _sums(rows: Rows) -> pl.Series:
    lanes = pl.DataFrame([pl.Series(str(place), lane) for place, lane in enumerate(rows.sums)])
    total = pl.col("0").cast(pl.Int128)
    if len(rows.sums) > 1:
        total = total * pl.lit(1 << LOW_BITS, pl.Int128) + pl.col("1").cast(pl.Int128)
    return lanes.select(total).to_series()


def _names_frame(names: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(names, {"customer": pl.String, "metric": pl.String}, orient="row")
