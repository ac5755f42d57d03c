"""Writes batch results: a day of one average whole or not at all, and never over one from more of the log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
from psycopg.types.json import Jsonb

from batch.results.corrections import add_corrections
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.averages_tables import add_batch_averages, read_averages, remove_batch_averages
from batch.store.database import Connection
from batch.store.statements import load_statements
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.instants import instant, milliseconds

NOTED_CORRECTIONS = 3  # of each day and average, so that whoever looks has some to begin with

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """From how much of the log a day of one average was computed: partition -> first Kafka offset not read."""

    day: date
    average: str
    read_to: Mapping[int, int]
    low_watermark_ms: int

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """The day's closed windows: first `as_of`, and one past the last."""
        start = day_start_ms(self.day)
        return start, max(start, min(start + DAY_MS, self.low_watermark_ms + 1))


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a batch result changed.

    `corrected`: customer, metric and `as_of` in ms of windows of which something else was stored; some, not all.
    """

    result: BatchResult
    row_count: int
    rows_written: int
    rows_deleted: int
    corrected: tuple[tuple[str, str, int], ...] = ()


def write_result(
    connection: Connection,
    result: BatchResult,
    pieces: Iterable[tuple[int, int, pl.DataFrame]],
    run_id: str,
    resume_key: str,
) -> Written:
    """Make the stored day equal to `pieces`, in one transaction.

    A row that is already right keeps its written_at; what is changed in a day that was stored is added to the audit
    trail. `sma.batch_days` says whether the day is stored: it is written
    together with the rows, so of a day that it does not know all rows are copied in unseen: see `remove_orphan_rows`.

    Args:
        connection: to the database.
        result: the day and average, and from how much of the log it was computed.
        pieces: first `as_of`, one past the last, and the rows between them (`batch.store.averages_schema`);
            they touch one another, and cover the closed windows of the day.
        run_id: of the run that writes.
        resume_key: what the run has in common with those that carry on its work: see `finished_days`.

    Raises:
        SmaError: the stored result was computed from more of the log than this one, or a sum is too large to be
            stored; what is stored stays.
        psycopg.errors.UniqueViolation: there are rows where no result is stored.
    """
    bound = {
        "day": result.day,
        "average": result.average,
        "read_to": as_json(result.read_to),
        "low_watermark": instant(result.low_watermark_ms),
        "run_id": run_id,
        "resume_key": resume_key,
    }
    counts = _Counts()
    with connection.transaction():
        if connection.execute(_SQL["claim_day"], bound).rowcount:
            for _, _, rows in pieces:
                add_batch_averages(connection, rows)
                counts.rows += rows.height
            counts.written = counts.rows
        else:
            held = connection.execute(_SQL["lock_day"], bound).fetchone()
            if held is None:
                raise SmaError(f"{result.day}, average {result.average}: no longer in sma.batch_days: run this again")
            _refuse_older(result, _offsets(held[0]))
            for from_ms, until_ms, rows in _whole_day(result, pieces):
                stored = read_averages(connection, "batch_averages", result.average, from_ms, until_ms)
                wrong, missing = correction(stored, rows)
                remove_batch_averages(connection, wrong)
                add_batch_averages(connection, missing)
                # what has closed since is no correction: the batch layer had not said anything of it
                said = missing.filter(pl.col("as_of_ms") <= milliseconds(held[1]))
                add_corrections(connection, run_id, wrong, said)
                counts.note_corrected(wrong, said)
                counts.rows += rows.height
                counts.written += missing.height
                counts.deleted += wrong.join(missing, on=KEY, how="anti").height
        connection.execute(_SQL["record_day"], bound | {"row_count": counts.rows})
    return Written(result, counts.rows, counts.written, counts.deleted, tuple(counts.corrected))


def remove_orphan_rows(connection: Connection, day: date) -> int:
    """Remove the rows of a day without a batch result: the batch layer did not write them; return how many.

    All averages at once: they share an index by time, and a look for each would see the rows of all of them.
    """
    start = day_start_ms(day)
    bound = {"day": day, "from_time": instant(start), "until_time": instant(start + DAY_MS)}
    return connection.execute(_SQL["clear_day"], bound).rowcount


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    written: int = 0
    deleted: int = 0
    corrected: list[tuple[str, str, int]] = field(default_factory=list)

    def note_corrected(self, before: pl.DataFrame, after: pl.DataFrame) -> None:
        room = NOTED_CORRECTIONS - len(self.corrected)
        keys = pl.concat([before, after]).select("customer", "metric", "as_of_ms").unique(maintain_order=True)
        self.corrected += keys.head(room).rows()


def _whole_day(
    result: BatchResult, pieces: Iterable[tuple[int, int, pl.DataFrame]]
) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """Yield the pieces, and one without rows for the windows of the day that are not closed."""
    _, closed_ms = result.bounds_ms
    yield from pieces
    yield closed_ms, day_start_ms(result.day) + DAY_MS, pl.DataFrame(schema=AVERAGES_SCHEMA)


def finished_days(connection: Connection, averages: Sequence[str], resume_key: str) -> set[date]:
    """Return the days of which every one of the averages was written under a key: a run that goes on skips them."""
    written: dict[date, set[str]] = {}
    for day, average in connection.execute(_SQL["read_finished"], {"resume_key": resume_key}):
        written.setdefault(day, set()).add(average)
    return {day for day, names in written.items() if names.issuperset(averages)}


def forget_key(connection: Connection, days: Sequence[date], resume_key: str) -> None:
    """Let go of days once all of them are finished: whoever starts the same work again wants them computed again."""
    connection.execute(_SQL["forget_key"], {"days": list(days), "resume_key": resume_key})


def correction(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what makes the stored rows equal to `rows`: those to remove, and those to add after that.

    A row whose pair has changed is in both. All of them are as `averages` of `batch.store.averages_schema`.
    """
    if stored.equals(rows):
        return stored.clear(), rows.clear()
    return stored.join(rows, on=rows.columns, how="anti"), rows.join(stored, on=rows.columns, how="anti")


def read_results(connection: Connection, days: Sequence[date], averages: Sequence[str]) -> list[BatchResult]:
    """Return the batch results of some days, by day and average.

    Raises:
        SmaError: one of them has not been computed.
    """
    found = connection.execute(_SQL["read_days"], {"days": list(days), "averages": list(averages)}).fetchall()
    results = [
        BatchResult(day, average, _offsets(read_to), milliseconds(closed)) for day, average, read_to, closed in found
    ]
    missing = {(day, average) for day in days for average in averages} - {(held.day, held.average) for held in results}
    if missing:
        day, average = min(missing)
        raise SmaError(
            f"{day}, average {average}: no batch result to reconcile with: materialize batch_averages for it first"
        )
    return results


def _refuse_older(result: BatchResult, stored: Mapping[int, int]) -> None:
    for partition, read_to in stored.items():
        now = result.read_to.get(partition, 0)
        if now < read_to:
            raise SmaError(
                f"{result.day}, average {result.average}: the stored result was computed from partition {partition} to "
                f"Kafka offset {read_to}, but it now ends at {now}: the stored result stays; is this another Kafka?"
            )


def as_json(read_to: Mapping[int, int]) -> Jsonb:
    """Return Kafka offsets by partition as PostgreSQL stores them."""
    return Jsonb({str(partition): offset for partition, offset in sorted(read_to.items())})


def _offsets(read_to: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in read_to.items()}
