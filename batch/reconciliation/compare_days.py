"""Compares days: the database counts the rows that differ, and each difference is classified by the recomputed rows.

Data flows one way: `count_days`, then `batch.windows.recompute` for the days that differ, then `classify_days`. The log
and the offset index are not read here.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from batch.index.open_windows import without_open
from batch.index.origins import without_unknown
from batch.log.offsets import Progress
from batch.reconciliation.audit import ReconciledDay
from batch.reconciliation.classify import DIFFERENCES_SCHEMA, classify_differences, summarize
from batch.reconciliation.compare_in_database import RowCounts, count_rows, differing_rows
from batch.reconciliation.recomputed import recomputed_rows, windows_changed_since
from batch.reconciliation.rows_of_one_partition import RowsOfOnePartition
from batch.results.batch_results import BatchResult
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.database import Connection
from batch.windows.day_rows import SpanRows
from batch.windows.recompute import RecomputedDay
from sma.errors import SmaError


@dataclass(frozen=True, slots=True)
class CountedDay:
    """How many rows the layers have of the closed windows of a batch result, and how long counting took.

    `seconds` is this average's share of what its day took.
    """

    result: BatchResult
    counts: RowCounts
    seconds: float


def count_days(connection: Connection, results: Sequence[BatchResult]) -> list[CountedDay]:
    """Compare the two layers' rows in the database, by day and average."""
    by_bounds: dict[tuple[int, int], list[BatchResult]] = defaultdict(list)
    for result in results:
        by_bounds[result.bounds_ms].append(result)
    counted = []
    for bounds, of_bounds in by_bounds.items():
        started = time.monotonic()
        counts = count_rows(connection, [result.average for result in of_bounds], *bounds)
        seconds = (time.monotonic() - started) / len(of_bounds)
        counted += [CountedDay(result, counts[result.average], seconds) for result in of_bounds]
    return counted


def classify_days(
    connection: Connection,
    counted: Sequence[CountedDay],
    recomputed: Iterable[RecomputedDay],
    of_one_partition: RowsOfOnePartition,
    progress: Progress,
) -> tuple[ReconciledDay, ...]:
    """Find and classify every difference of the days that were counted.

    Args:
        connection: in the snapshot in which the rows were counted.
        counted: from `count_days`.
        recomputed: each differing day and average of them, once; from `rows_to_recompute`.
        of_one_partition: the windows of these days that one partition alone makes, of series that are in more than one.
        progress: takes a line where windows are left out.

    Raises:
        SmaError: Kafka does not answer, no longer has the events of a day that differs, or the database does not return
            the rows that it has counted.
    """
    counts = {(each.result.day, each.result.average): each.counts for each in counted}
    results = {(each.result.day, each.result.average): each.result for each in counted}
    classified: dict[tuple[date, str], _Differences] = {}
    for day in recomputed:
        for average in day.averages:
            result = results[day.day, average]
            apart = of_one_partition.get((day.day, average), pl.DataFrame(schema=AVERAGES_SCHEMA))
            differences = classified[day.day, average] = _classify(connection, result, day.spans, apart)
            _require_counted(day.day, average, counts[day.day, average], differences)
            if differences.changed_since:
                progress(
                    f"{day.day}, {average}: {differences.changed_since:,} windows changed since the snapshot: left out"
                )
    return tuple(_reconciled(each, classified.get((each.result.day, each.result.average))) for each in counted)


@dataclass(frozen=True, slots=True)
class _Differences:
    """What was found of one day and average; `streamed` and `batch` are the rows that differ, by layer."""

    differences: pl.DataFrame
    streamed: int
    batch: int
    changed_since: int
    seconds: float


def _classify(
    connection: Connection, result: BatchResult, spans: Sequence[SpanRows], of_one_partition: pl.DataFrame
) -> _Differences:
    started, average = time.monotonic(), result.average
    differences, streamed, batch, changed_since = [pl.DataFrame(schema=DIFFERENCES_SCHEMA)], 0, 0, 0
    for span in spans:
        differing = differing_rows(connection, average, span.from_ms, span.until_ms)
        if differing.is_empty():
            continue
        streamed += differing["stream_event_count"].count()
        batch += differing["batch_event_count"].count()
        # the stream may have closed more windows of a partition that lagged when the batch rows were computed
        differing = without_open(connection, differing, result.lagging)
        differing = without_unknown(connection, differing, average)
        # only the windows that differ are kept of each frame, before the next one is read
        frames = {name: rows.join(differing, on=KEY, how="semi") for name, rows in span.frames(average)}
        kept = differing.join(windows_changed_since(frames), on=KEY, how="anti")
        changed_since += differing.height - kept.height
        differences.append(classify_differences(kept, recomputed_rows(frames, of_one_partition)))
    return _Differences(pl.concat(differences).sort(KEY), streamed, batch, changed_since, time.monotonic() - started)


def _require_counted(day: date, average: str, counts: RowCounts, read: _Differences) -> None:
    """Refuse answers of the database that contradict one another: both are of the same snapshot."""
    differing = counts.streamed - counts.equal, counts.batch - counts.equal
    if differing != (read.streamed, read.batch):
        raise SmaError(
            f"{day}, average {average}: of the rows that differ, the database counted {differing[0]:,} streamed and "
            f"{differing[1]:,} batch rows, and then returned {read.streamed:,} and {read.batch:,}; nothing was stored: "
            "run this again, and see docs/decisions/0040-plans-that-lose-rows.md"
        )


def _reconciled(counted: CountedDay, classified: _Differences | None) -> ReconciledDay:
    differences = classified.differences if classified else pl.DataFrame(schema=DIFFERENCES_SCHEMA)
    seconds = counted.seconds + (classified.seconds if classified else 0)
    return ReconciledDay(counted.result, summarize(counted.counts.equal, differences), differences, seconds)
