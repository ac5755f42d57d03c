"""The two runs of the batch layer: compute days, and reconcile days. Each reads the log once, however many the days."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from batch.accounting import Account, account, misjudged
from batch.answers import Answer, Written, read_answers, write_answer
from batch.audit import ReconciledDay, add_reconciliation
from batch.confirmation import wait_until_confirmed
from batch.database import Connection, connect, snapshot
from batch.days import closed_until_ms, touched_days
from batch.diverted import read_diverted
from batch.expected import LogAverages
from batch.kafka import Progress
from batch.layers import differing_rows
from batch.log import LogRead, read_log
from batch.recompute import Recomputation
from batch.reconcile import DIFFERENCES_SCHEMA, explain, summarize
from sma.averages import Averages
from sma.settings import Settings

_PROGRESS_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Computed:
    """What a run computed and wrote, and from how much of the log."""

    written: tuple[Written, ...]
    log: LogRead
    closed_until_ms: int
    read_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run found. `misjudged` is as `batch.accounting.misjudged` returns it."""

    days: tuple[ReconciledDay, ...]
    accounts: tuple[Account, ...]
    misjudged: pl.DataFrame
    log: LogRead
    compared_at: datetime
    seconds: float

    @property
    def unexplained(self) -> int:
        """How many differences nothing explains."""
        return sum(day.summary.unexplained for day in self.days)

    @property
    def unaccounted(self) -> int:
        """How many records are not, or wrongly, accounted for."""
        return max(sum(abs(held.residue) for held in self.accounts), self.misjudged.height)


def compute_batch_days(
    settings: Settings, averages: Averages, days: Sequence[date], run_id: str, progress: Progress
) -> Computed:
    """Compute every average for some days from the retained log, and store them.

    Windows that the watermark of the log has not passed are left to the stream.

    Raises:
        SmaError: Kafka or the database does not answer, the log's beginning is gone, a partition is empty, or a stored
            answer was computed from more of the log; days before the one that fails stay written.
    """
    started = time.monotonic()
    log = read_log(settings, averages.max_ahead_ms, progress)
    read_seconds = time.monotonic() - started
    progress(f"read {log.records:,} records in {read_seconds:.1f} s")
    closed_until = closed_until_ms(log.partitions, averages.watermark_delay_ms)
    recomputation = Recomputation(log.events)
    written: list[Written] = []
    reported_at = time.monotonic()
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        for index, day in enumerate(days):
            for average in averages.averages:
                answer = Answer(day, average.name, log.read_to, closed_until)
                rows = recomputation.rows(average, *answer.bounds_ms)
                written.append(write_answer(connection, answer, rows, run_id))
            if time.monotonic() - reported_at > _PROGRESS_EVERY_SECONDS:
                reported_at = time.monotonic()
                progress(f"stored {day}, {index + 1} of {len(days)} days")
    return Computed(tuple(written), log, closed_until, read_seconds, time.monotonic() - started)


def reconcile_days(
    settings: Settings, averages: Averages, days: Sequence[date], run_id: str, progress: Progress
) -> Reconciled:
    """Compare what the stream said with the stored batch answers, and add the findings to the audit trail.

    It waits until the stream has confirmed all that the answers were computed from: by then, every window that they
    hold for closed has been stated by the stream and flushed to the database. It looks at the tables as they are then,
    while the stream goes on; so it reads the log to its end, which holds all that those rows can follow from, and waits
    until the late and rejected events among that are in their topics. Windows that the stream may have stated anew in
    between are left to the next reconciliation.

    Raises:
        SmaError: a day has no batch answer, the stream does not confirm in time, or a service does not answer.
    """
    started = time.monotonic()
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        answers = read_answers(connection, days, [average.name for average in averages.averages])
        confirmed = wait_until_confirmed(settings, _furthest(answers), progress)
        with snapshot(connection) as compared_at:
            log = read_log(settings, averages.max_ahead_ms, progress)
            wait_until_confirmed(settings, log.read_to, progress)
            progress(f"read {log.records:,} records, comparing {len(days)} days")
            expected = LogAverages(log, averages, confirmed)
            compared = tuple(_compare_day(connection, answer, expected, progress) for answer in answers)
            diverted = read_diverted(settings).within(log)
            accounts = tuple(account(log, diverted))
            add_reconciliation(connection, run_id, compared, accounts, compared_at)
    disagreements = misjudged(log, diverted, averages.allowed_lateness_ms)
    return Reconciled(compared, accounts, disagreements, log, compared_at, time.monotonic() - started)


def days_touched(settings: Settings, averages: Averages, progress: Progress) -> tuple[date, date] | None:
    """Return the first and the last day that own a closed window of the log; None where no event is in one.

    Raises:
        SmaError: Kafka does not answer, the log's beginning is gone, or a partition is empty.
    """
    log = read_log(settings, averages.max_ahead_ms, progress)
    return touched_days(log.events, averages, closed_until_ms(log.partitions, averages.watermark_delay_ms))


def _compare_day(connection: Connection, answer: Answer, expected: LogAverages, progress: Progress) -> ReconciledDay:
    started = time.monotonic()
    in_flux = expected.in_flux(answer)
    if in_flux.height:
        progress(f"{answer.day}, average {answer.average}: {in_flux.height:,} windows changed meanwhile: left out")
    compared = differing_rows(connection, answer.average, *answer.bounds_ms, left_out=in_flux)
    differences = pl.DataFrame(schema=DIFFERENCES_SCHEMA)
    if compared.differing.height:
        differences = explain(compared.differing, expected.expected(answer))
    summary = summarize(compared.streamed_rows, differences)
    return ReconciledDay(answer, summary, differences, time.monotonic() - started)


def _furthest(answers: Sequence[Answer]) -> dict[int, int]:
    furthest: dict[int, int] = {}
    for answer in answers:
        for partition, offset in answer.read_to.items():
            furthest[partition] = max(offset, furthest.get(partition, 0))
    return furthest
