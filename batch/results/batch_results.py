"""Writes batch results: a day of one average in one transaction, and never over a result from more of the log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
from psycopg.types.json import Jsonb

from batch.index.open_windows import without_open
from batch.results import corrections
from batch.store.array_format import UnreadableRow
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.averages_tables import add_batch_averages, read_averages, remove_batch_averages
from batch.store.database import Connection
from clients.statements import load_statements
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.instants import instant, milliseconds

LISTED_CORRECTIONS = 3  # of each day and average, as examples in the run's metadata

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """From how much of the log a day of one average was computed.

    read_to: partition -> first Kafka offset not read.
    low_watermark_ms: the last instant that can be an `as_of` of a closed window.
    lagging: the same by partition, where it was before `low_watermark_ms`.
    """

    day: date
    average: str
    read_to: Mapping[int, int]
    low_watermark_ms: int
    lagging: Mapping[int, int] = field(default_factory=dict)

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """The day's closed windows: first `as_of`, and one past the last."""
        start = day_start_ms(self.day)
        return start, max(start, min(start + DAY_MS, self.low_watermark_ms + 1))


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a batch result changed.

    `corrected`: customer, metric and `as_of` in ms of windows whose stored row was wrong; some, not all.
    """

    result: BatchResult
    row_count: int
    rows_written: int
    rows_deleted: int
    corrected: tuple[tuple[str, str, int], ...] = ()


def write_result(
    connection: Connection,
    result: BatchResult,
    row_spans: Iterable[tuple[int, int, pl.DataFrame]],
    max_ahead_ms: int,
    run_id: str,
    resume_key: str,
) -> Written:
    """Make the stored day equal to `row_spans`, in one transaction.

    A row that is already right keeps its written_at; changes to a stored day are added to the audit trail. A day is
    stored iff it is in `sma.batch_days`, which is written together with the rows. The rows of another day are copied in
    without a comparison: see `remove_orphan_rows`.

    Args:
        connection: to the database.
        result: the day and average, and from how much of the log it was computed.
        row_spans: first `as_of`, one past the last, and the rows between them (`batch.store.averages_schema`);
            they touch one another, and cover the closed windows of the day.
        max_ahead_ms: as for `sma.event.read_record`: which events there are depends on it.
        run_id: of the run that writes.
        resume_key: is the same for all runs that resume the same work: see `finished_days`.

    Raises:
        SmaError: the stored result was computed from more of the log than this one, or a sum is too large to be
            stored; the stored rows stay.
        psycopg.errors.UniqueViolation: there are rows where no result is stored.
    """
    bound = {
        "day": result.day,
        "average": result.average,
        "read_to": as_json(result.read_to),
        "low_watermark": instant(result.low_watermark_ms),
        "lagging": as_json(result.lagging),
        "max_ahead_ms": max_ahead_ms,
        "run_id": run_id,
        "resume_key": resume_key,
    }
    counts = _Counts()
    with connection.transaction():
        if connection.execute(_SQL["claim_day"], bound).rowcount:
            for _, _, rows in row_spans:
                add_batch_averages(connection, rows)
                counts.rows += rows.height
            counts.written = counts.rows
        else:
            stored_day = connection.execute(_SQL["lock_day"], bound).fetchone()
            if stored_day is None:
                raise SmaError(f"{result.day}, average {result.average}: no longer in sma.batch_days: run this again")
            *computed_then, lagging_then = stored_day
            _refuse_older(result, _by_partition(computed_then[0]))
            corrected_rows = 0
            for from_ms, until_ms, rows in _whole_day(result, row_spans):
                try:
                    stored = read_averages(connection, "batch_averages", result.average, from_ms, until_ms)
                except UnreadableRow:
                    removed = corrections.remove_unreadable_rows(
                        connection, result.average, instant(from_ms), instant(until_ms), run_id
                    )
                    corrected_rows += removed
                    stored = read_averages(connection, "batch_averages", result.average, from_ms, until_ms)
                wrong, missing = correction(stored, rows)
                remove_batch_averages(connection, wrong)
                add_batch_averages(connection, missing)
                # a window that closed since is no correction: the batch layer had not computed it
                closed_then = missing.filter(pl.col("as_of_ms") <= milliseconds(computed_then[1]))
                corrected = without_open(connection, closed_then, _by_partition(lagging_then))
                corrected_rows += corrections.add_corrections(connection, run_id, wrong, corrected)
                counts.note_corrected(wrong, corrected)
                counts.rows += rows.height
                counts.written += missing.height
                counts.deleted += wrong.join(missing, on=KEY, how="anti").height
            if corrected_rows:
                corrections.add_corrected_day(
                    connection, run_id, result.day, result.average, *computed_then, corrections=corrected_rows
                )
        connection.execute(_SQL["record_day"], bound | {"row_count": counts.rows})
    return Written(result, counts.rows, counts.written, counts.deleted, tuple(counts.corrected))


def remove_orphan_rows(connection: Connection, day: date, run_id: str) -> dict[str, int]:
    """Remove the orphan rows of a day, which has no batch result, and return how many there were, by average."""
    start = day_start_ms(day)
    return corrections.remove_orphan_rows(connection, day, instant(start), instant(start + DAY_MS), run_id)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    written: int = 0
    deleted: int = 0
    corrected: list[tuple[str, str, int]] = field(default_factory=list)

    def note_corrected(self, before: pl.DataFrame, after: pl.DataFrame) -> None:
        remaining = LISTED_CORRECTIONS - len(self.corrected)
        keys = pl.concat([before, after]).select("customer", "metric", "as_of_ms").unique(maintain_order=True)
        self.corrected += keys.head(remaining).rows()


def _whole_day(
    result: BatchResult, row_spans: Iterable[tuple[int, int, pl.DataFrame]]
) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """Yield the spans, and one without rows for the windows of the day that are not closed."""
    _, closed_ms = result.bounds_ms
    yield from row_spans
    yield closed_ms, day_start_ms(result.day) + DAY_MS, pl.DataFrame(schema=AVERAGES_SCHEMA)


def finished_days(connection: Connection, averages: Sequence[str], resume_key: str) -> set[date]:
    """Return the days whose averages were all written under a key: a resumed run skips them."""
    written: dict[date, set[str]] = {}
    for day, average in connection.execute(_SQL["read_finished"], {"resume_key": resume_key}):
        written.setdefault(day, set()).add(average)
    return {day for day, names in written.items() if names.issuperset(averages)}


def forget_key(connection: Connection, days: Sequence[date], resume_key: str) -> None:
    """Remove the key from finished days, so that starting the same work again computes them again."""
    connection.execute(_SQL["forget_key"], {"days": list(days), "resume_key": resume_key})


def correction(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the change that makes the stored rows equal to `rows`: the rows to remove, and those to add after that.

    A row whose pair has changed is in both. The columns are those of `averages` of `batch.store.averages_schema`.
    """
    if stored.equals(rows):
        return stored.clear(), rows.clear()
    return stored.join(rows, on=rows.columns, how="anti"), rows.join(stored, on=rows.columns, how="anti")


def read_results(connection: Connection, days: Sequence[date], averages: Sequence[str]) -> list[BatchResult]:
    """Return the batch results of some days, by day and average.

    Raises:
        SmaError: one of them has not been computed.
    """
    rows = connection.execute(_SQL["read_days"], {"days": list(days), "averages": list(averages)}).fetchall()
    results = [
        BatchResult(day, average, _by_partition(read_to), milliseconds(closed), _by_partition(lagging))
        for day, average, read_to, closed, lagging in rows
    ]
    missing = {(day, average) for day in days for average in averages} - {
        (result.day, result.average) for result in results
    }
    if missing:
        day, average = min(missing)
        raise SmaError(
            f"{day}, average {average}: no batch result to reconcile with: materialize batch_averages for it first"
        )
    return results


def _refuse_older(result: BatchResult, stored: Mapping[int, int]) -> None:
    for partition, read_to in stored.items():
        new_read_to = result.read_to.get(partition, 0)
        if new_read_to < read_to:
            raise SmaError(
                f"{result.day}, average {result.average}: the stored result was computed from partition {partition} to "
                f"Kafka offset {read_to}, but it ends at {new_read_to}: the stored result stays; is this another Kafka?"
            )


def as_json(by_partition: Mapping[int, int]) -> Jsonb:
    """Return Kafka offsets or times by partition as stored in PostgreSQL."""
    return Jsonb({str(partition): value for partition, value in sorted(by_partition.items())})


def _by_partition(stored: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): value for partition, value in stored.items()}
