"""Runs the batch layer: `compute_batch_days` and `reconcile_days`, for any number of days, in bounded memory.

Each step is in a room of its own; this module only calls them in order. The rows of both runs come from
`batch.windows.recompute`. Which days to run is decided in `batch.schedule`.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from batch.index.closed_days import lagging, low_watermark_ms, settle
from batch.index.extend import extend_index
from batch.index.log_index import LogIndex, read_index, require_whole
from batch.index.side_outputs import (
    events_at,
    mismatched_positions,
    read_by_rule,
    read_by_stream,
    since_origin,
    with_unknown_late,
    without_known,
)
from batch.index.split_series import read_split_names
from batch.log.limits import WORK_LIMITS, WorkLimits
from batch.log.offsets import Progress
from batch.reconciliation.accounted import add_accounted, read_accounted
from batch.reconciliation.accounting import Account, account, mismatched
from batch.reconciliation.audit import ReconciledDay, add_reconciliation
from batch.reconciliation.classify_corrections import CorrectedDay, classify_corrections, log_unexplained
from batch.reconciliation.compare_days import classify_days, count_days
from batch.reconciliation.recomputed import rows_to_recompute
from batch.reconciliation.rows_of_one_partition import rows_of_one_partition, rows_to_recompute_apart
from batch.reconciliation.stream_commits import uncommitted, wait_until_committed, wait_until_visible
from batch.results.batch_results import (
    BatchResult,
    Written,
    finished_days,
    forget_key,
    read_results,
    remove_orphan_rows,
    write_result,
)
from batch.store.database import connect, snapshot
from batch.store.job_starts import InForce, in_force
from batch.windows.day_plan import lagging_together
from batch.windows.partition_windows import EventFilter
from batch.windows.recompute import Recomputation, RowRequest, recompute_days
from sma.averages import Averages
from sma.settings import BatchSettings

_LOG = logging.getLogger(__name__)
_PROGRESS_EVERY_SECONDS = 5.0
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Computed:
    """What a run computed and wrote, and from how much of the log.

    `already_written` are the days that were finished before the run; `corrected` are the results whose stored rows were
    corrected, with those of a run before that was killed. Of the Kafka offsets that the index covers,
    `offsets_read` were read; no event of the days is in the `offsets_skipped`.
    """

    written: tuple[Written, ...]
    already_written: tuple[date, ...]
    index: LogIndex
    offsets_read: int
    offsets_skipped: int
    low_watermark_ms: int
    index_seconds: float
    seconds: float
    corrected: tuple[CorrectedDay, ...] = ()

    @property
    def unexplained_corrections(self) -> int:
        """How many stored rows were wrong without an event that explains it."""
        return sum(day.unexplained or 0 for day in self.corrected)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The results of a run. `mismatched` is as `batch.reconciliation.accounting.mismatched` returns it."""

    days: tuple[ReconciledDay, ...]
    accounts: tuple[Account, ...]
    mismatched: pl.DataFrame
    index: LogIndex
    offsets_read: int
    compared_at: datetime
    seconds: float

    @property
    def unexplained(self) -> int:
        """How many differences are unexplained."""
        return sum(day.summary.unexplained for day in self.days)

    @property
    def unaccounted(self) -> int:
        """How many records are not accounted for, or wrongly."""
        return sum(account.unaccounted for account in self.accounts)


def compute_batch_days(
    settings: BatchSettings,
    averages: Averages,
    days: Sequence[date],
    run_id: str,
    progress: Progress,
    resume_key: str = "",
    limits: WorkLimits = WORK_LIMITS,
) -> Computed:
    """Compute every average for some days from the retained log, and store them.

    Those that the job does not compute are left out. The offset index is extended to the log's end first. Windows that
    are not closed (`batch.index.closed_days`) are left to the stream. Stored rows that turn out to be wrong are
    corrected, and each correction is classified: explained by an event that the log has gained since, or a damaged row.

    Args:
        settings: how Kafka and the database are reached.
        averages: what to compute.
        days: in any order.
        run_id: is stored with the days.
        progress: takes a line per step.
        resume_key: days that an unfinished run finished under this key are not computed again; empty for the run's own
            id.
        limits: of the computation.

    Raises:
        SmaError: Kafka or the database does not answer, Kafka no longer has the events of a day, the log is empty,
            or a stored result was computed from more of the log; days before the one that fails stay written.
    """
    started = time.monotonic()
    key = resume_key or run_id
    averages = _rules_in_force(settings, averages, progress).averages
    extended = extend_index(settings, averages, progress, limits=limits)
    index_seconds = time.monotonic() - started
    names = [average.name for average in averages.averages]
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        finished = finished_days(connection, names, key).intersection(days)
        if finished:
            progress(f"{len(finished)} of {len(days)} days are finished already: not computed again")
        with snapshot(connection):
            index = read_index(connection)
            require_whole(connection, index, averages, extended.read_to)
            low_watermark = low_watermark_ms(index, averages.watermark_delay_ms)
            behind = lagging_together(connection, list(index.read_to), lagging(index, averages.watermark_delay_ms))
            computed_days = {day: names for day in days if day not in finished}
            wanted = RowRequest(computed_days, {_ALL: EventFilter()}, low_watermark + 1, behind)
            recomputation = recompute_days(settings, averages, connection, index, [wanted], limits)
        settle(connection, index, averages.watermark_delay_ms)
        offsets = recomputation.offsets
        progress(f"reading {offsets:,} of {index.offsets:,} offsets for {len(days) - len(finished)} days")
        written: list[Written] = []
        orphans: list[CorrectedDay] = []
        reported_at = time.monotonic()
        for recomputed in recomputation:
            for name, orphan_rows in remove_orphan_rows(connection, recomputed.day, run_id).items():
                progress(f"{recomputed.day}, {name}: removed {orphan_rows:,} rows without a batch result")
                orphans.append(CorrectedDay(run_id, recomputed.day, name, {}, 0, orphan_rows, orphan_rows))
            for name in recomputed.averages:
                result = BatchResult(recomputed.day, name, index.read_to, low_watermark, behind)
                row_spans = (
                    (span.from_ms, span.until_ms, rows) for span in recomputed.spans for _, rows in span.frames(name)
                )
                written.append(write_result(connection, result, row_spans, averages.max_ahead_ms, run_id, key))
            if time.monotonic() - reported_at > _PROGRESS_EVERY_SECONDS:
                reported_at = time.monotonic()
                done = len(written) // len(names) + len(finished)
                progress(f"stored {recomputed.day}, {done} of {len(days)} days")
        corrected = (*orphans, *classify_corrections(settings, averages, progress, limits))
        log_unexplained(corrected)
        forget_key(connection, days, key)
    return Computed(
        written=tuple(written),
        already_written=tuple(sorted(finished)),
        index=index,
        offsets_read=offsets,
        offsets_skipped=index.offsets - offsets,
        low_watermark_ms=low_watermark,
        index_seconds=index_seconds,
        seconds=time.monotonic() - started,
        corrected=corrected,
    )


def reconcile_days(
    settings: BatchSettings, averages: Averages, days: Sequence[date], run_id: str, progress: Progress
) -> Reconciled:
    """Compare the streamed rows with the stored batch results, and add the differences to the audit trail.

    Waits until the stream has committed the log that the results were computed from: by then, the stream has emitted
    every window closed in them and flushed it to the database. The tables are read in a snapshot of that moment, while
    the stream goes on. The log is indexed to its end afterwards, so the index covers every event of those rows; the
    late and rejected events up to there are waited for. Differing windows that the stream may have emitted again in
    between are left to the next reconciliation. The log is read again only for days that differ. Where the job is
    started by other rules meanwhile, the days are compared once more.

    Raises:
        SmaError: a day has no batch result, the stream does not commit in time, Kafka no longer has the events of a day
            that differs, or a service does not answer.
    """
    while True:
        rules = _rules_in_force(settings, averages, progress)
        reconciled = _reconcile(settings, averages, rules, days, run_id, progress)
        if reconciled is not None:
            return reconciled
        progress("the job was started by other rules meanwhile: comparing again")


def _reconcile(
    settings: BatchSettings,
    file: Averages,
    rules: InForce,
    days: Sequence[date],
    run_id: str,
    progress: Progress,
) -> Reconciled | None:
    """Reconcile the days by the rules; store nothing and return None where others of `file` are in force by then."""
    started = time.monotonic()
    averages = rules.averages
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        results = read_results(connection, days, [average.name for average in averages.averages])
        committed = wait_until_committed(settings, _furthest(results), progress)
        with snapshot(connection) as compared_at:
            extended = extend_index(settings, averages, progress)
            with (
                connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as index_connection,
                snapshot(index_connection),
            ):
                index = read_index(index_connection)
                require_whole(index_connection, index, averages, extended.read_to)
                if uncommitted(committed, index.read_to):
                    wait_until_committed(settings, index.read_to, progress)
                progress(f"comparing {len(days)} days")
                counted = count_days(connection, results)
                differing = [day.result for day in counted if not day.counts.is_clean]
                requests = rows_to_recompute(differing, committed, index.read_to)
                recomputation = recompute_days(settings, averages, index_connection, index, requests)
                split = read_split_names(index_connection)
                requests = rows_to_recompute_apart(differing if split else [])
                apart = recompute_days(settings, averages, index_connection, index, requests)
                accounted = read_accounted(connection, rules.generation, index)
                by_rule = read_by_rule(index_connection, accounted.cursor.events)
            _report_differing(recomputation, progress)
            of_one_partition = rows_of_one_partition(connection, apart, split)
            reconciled = classify_days(connection, counted, recomputation, of_one_partition, progress)
            wait_until_visible(settings, [settings.late_events_topic, settings.rejected_events_topic], progress)
            by_stream, cursor = read_by_stream(settings, rules.generation, index.read_to, accounted.cursor)
            side_outputs = without_known(connection, since_origin(by_stream, index.read_from), accounted.cursor.events)
            by_rule = with_unknown_late(settings, connection, averages.max_ahead_ms, side_outputs, by_rule)
            mismatched_events = events_at(settings, averages.max_ahead_ms, mismatched_positions(side_outputs, by_rule))
            accounts = tuple(account(index, side_outputs, by_rule, mismatched_events, accounted.accounts))
            if _rules_in_force(settings, file) != rules:
                return None
            with connection.transaction():
                add_reconciliation(connection, run_id, reconciled, accounts, compared_at)
                add_accounted(connection, run_id, rules.generation, cursor)
    _log_faults(reconciled, accounts)
    return Reconciled(
        days=reconciled,
        accounts=accounts,
        mismatched=mismatched(side_outputs, by_rule, mismatched_events),
        index=index,
        offsets_read=recomputation.offsets + apart.offsets,
        compared_at=compared_at,
        seconds=time.monotonic() - started,
    )


def _rules_in_force(settings: BatchSettings, averages: Averages, progress: Progress = lambda text: None) -> InForce:
    """Return what of averages.yaml is in force, and say what is not."""
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        rules = in_force(connection, averages)
    for line in rules.left_out:
        progress(f"left out: {line}")
    return rules


def _report_differing(recomputation: Recomputation, progress: Progress) -> None:
    days = recomputation.days
    if days:
        progress(f"{days[0]} to {days[-1]}: the layers differ; reading {recomputation.offsets:,} offsets to see why")


def _log_faults(days: Sequence[ReconciledDay], accounts: Sequence[Account]) -> None:
    """Log the faults: unexplained differences, and records that are not accounted for."""
    for day in days:
        if day.summary.unexplained:
            _LOG.error(
                "%d differences unexplained: see the table sma.differences",
                day.summary.unexplained,
                extra={"day": day.result.day, "average": day.result.average},
            )
    for each in accounts:
        if each.unaccounted:
            _LOG.error(
                "partition %d: %d records are not accounted for: see the table sma.accounting",
                each.kafka_partition,
                each.unaccounted,
                extra={"partition": each.kafka_partition},
            )


def _furthest(results: Sequence[BatchResult]) -> Mapping[int, int]:
    furthest: dict[int, int] = {}
    for result in results:
        for partition, offset in result.read_to.items():
            furthest[partition] = max(offset, furthest.get(partition, 0))
    return furthest
