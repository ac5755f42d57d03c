"""Runs an audit: recomputes settled days from the log, as any run does, and compares them with the stream.

A normal run repairs what is wrong and records what was there (`batch.pipeline`); this one looks for it. Days whose
events Kafka no longer retains are counted instead. Streamed or batch rows of a day that no event can make are looked
for too: such a day is computed and compared like any other, and has no right row.

Each step records what it finds by itself, so a run that is killed loses nothing: the days that it has not recorded are
the oldest of the next run.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from batch.audit.due_days import days_without_events, in_chunks, read_due_days, read_standing
from batch.audit.stored_counts import count_stored
from batch.audit.trail import AuditedDay, add_audit
from batch.index.closed_days import low_watermark_ms
from batch.index.extend import extend_index
from batch.index.log_index import read_index
from batch.log.offsets import Progress, retained_ranges
from batch.pipeline import Computed, compute_batch_days, reconcile_days
from batch.reconciliation.compare_in_database import count_rows
from batch.results.retention import first_day_kept
from batch.schedule.owner_days import result_days, stored_days
from batch.schedule.required_offsets import is_gone, required_offsets
from batch.schedule.stale_days import stale_days
from batch.store.database import connect, snapshot
from batch.store.job_starts import averages_in_force
from sma.averages import Averages
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.settings import BatchSettings

CHUNK_DAYS = 7  # computed at once, between two looks at the budget


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found.

    days: by day and average; those that were only counted are not `is_recomputed`.
    without_events: the days among them that no event can make a row of, and that had rows.
    left: days that are due and over the run's budget.
    settled, overdue: as `batch.audit.due_days.DueDays` has them, before the run.
    corrections_elsewhere: unexplained corrections of runs before that were killed, which this one classified.
    """

    days: tuple[AuditedDay, ...]
    without_events: tuple[date, ...]
    left: int
    settled: int
    overdue: int
    corrections_elsewhere: int
    offsets_read: int
    seconds: float

    @property
    def faults(self) -> int:
        """How many windows nothing explains."""
        return sum(day.faults for day in self.days) + self.corrections_elsewhere


@dataclass(frozen=True, slots=True)
class _Selection:
    """The days to audit, by how: those that are counted only, and the rows of days that cannot be compared yet."""

    recomputed: list[date]
    counted: list[date]
    without_events: tuple[date, ...]
    open_rows: list[AuditedDay]
    due: int
    settled: int
    overdue: int


def run_audit(
    settings: BatchSettings,
    averages: Averages,
    run_id: str,
    today: date,
    progress: Progress,
    start: date | None = None,
    end: date | None = None,
) -> Audited:
    """Audit the days that are due, within the run's budget; or with a start and an end all days between them.

    Args:
        settings: where everything is, the period and the budget.
        averages: averages.yaml; what of it is in force is audited.
        run_id: is stored with what is found.
        today: in UTC.
        progress: takes a line per step.
        start: the first day.
        end: the last day, included.

    Raises:
        SmaError: a service does not answer. What was found until then is recorded.
    """
    started = time.monotonic()
    rules = averages_in_force(settings, averages)
    selection = _select(settings, rules, today, progress, start, end)
    if selection.counted:
        progress(
            f"{len(selection.counted):,} days from {selection.counted[0]} to {selection.counted[-1]} cannot be "
            "recomputed: Kafka no longer retains their events; their rows are counted"
        )
    found = _count(settings, rules, selection) + selection.open_rows
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        add_audit(connection, run_id, found)
    most_offsets = settings.audit_most_offsets if start is None else None
    runs = _recompute(settings, averages, selection.recomputed, run_id, progress, most_offsets)
    days = sorted({written.result.day for run in runs for written in run.written})
    recomputed, elsewhere = _compare(settings, averages, days, runs, run_id, progress)
    return Audited(
        days=tuple(sorted([*found, *recomputed], key=lambda each: (each.day, each.average))),
        without_events=selection.without_events,
        left=selection.due - len(days) - len(selection.counted),
        settled=selection.settled,
        overdue=selection.overdue,
        corrections_elsewhere=elsewhere,
        offsets_read=sum(run.offsets_read for run in runs),
        seconds=time.monotonic() - started,
    )


def _select(
    settings: BatchSettings,
    averages: Averages,
    today: date,
    progress: Progress,
    start: date | None,
    end: date | None,
) -> _Selection:
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        with snapshot(connection):
            stored = stored_days(connection)
        # the events of every row that is stored by now are in the index afterwards
        extend_index(settings, averages, progress)
        with snapshot(connection):
            due = read_due_days(connection, settings, averages, today)
            kept = first_day_kept(settings.keep_days, today) or date.min
            strays = days_without_events(connection, averages, stored)
            if start is None and end is None:
                wanted = list(due.due[: due.take])
                strays = [day for day in strays if day >= kept][: settings.audit_most_days]
            else:
                first, last = max(start or date.min, kept), end or date.max
                wanted = sorted(day for day in result_days(connection) if first <= day <= last)
                strays = [day for day in strays if first <= day <= last]
            low_watermark = low_watermark_ms(read_index(connection), averages.watermark_delay_ms)
            still_open = [day for day in strays if day_start_ms(day) > low_watermark]
            days = sorted({*wanted, *strays}.difference(still_open))
            required = required_offsets(connection, averages, days)
            names = [average.name for average in averages.averages]
            # those of the newest audit too, to record that their rows are gone
            standing = [each for each in read_standing(connection) if each[1] in names and each[0] not in days]
            open_rows = [
                AuditedDay(day, name, False, 0, 0, None, max(counts.streamed, counts.batch))
                for day in sorted({*still_open, *(day for day, _ in standing)})
                for name, counts in count_rows(connection, names, day_start_ms(day), day_start_ms(day) + DAY_MS).items()
                if counts.streamed or counts.batch or (day, name) in standing
            ]
    retained = retained_ranges(settings, settings.events_topic)
    counted = [day for day in days if is_gone(required.get(day, {}), retained)]
    return _Selection(
        recomputed=[day for day in days if day not in set(counted)],
        counted=counted,
        without_events=tuple(strays),
        open_rows=open_rows,
        due=len({*(due.due if start is None and end is None else wanted), *strays}.difference(still_open)),
        settled=due.settled,
        overdue=due.overdue,
    )


def _count(settings: BatchSettings, averages: Averages, selection: _Selection) -> list[AuditedDay]:
    if not selection.counted:
        return []
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, snapshot(connection):
        stale = {each.day for each in stale_days(connection, averages)}
        names = [average.name for average in averages.averages]
        counted = count_stored(connection, selection.counted, names, stale)
    return [AuditedDay(each.day, each.average, False, 0, 0, None, each.damaged) for each in counted]


def _recompute(
    settings: BatchSettings,
    averages: Averages,
    days: Sequence[date],
    run_id: str,
    progress: Progress,
    most_offsets: int | None,
) -> list[Computed]:
    """Compute days in chunks until the budget is spent; the first whatever it costs, or its days would never be."""
    runs: list[Computed] = []
    for chunk in in_chunks(days, CHUNK_DAYS):
        runs.append(compute_batch_days(settings, averages, chunk, run_id, progress))
        if most_offsets is not None and sum(run.offsets_read for run in runs) >= most_offsets:
            progress(f"{most_offsets:,} offsets are read (SMA_AUDIT_MOST_OFFSETS): the rest is left to the next run")
            break
    return runs


def _compare(
    settings: BatchSettings,
    averages: Averages,
    days: Sequence[date],
    runs: Sequence[Computed],
    run_id: str,
    progress: Progress,
) -> tuple[list[AuditedDay], int]:
    """Compare the days with the stream, and record all that was found of them; also how much of other days was."""
    corrections: Counter[tuple[date, str]] = Counter()
    unexplained: Counter[tuple[date, str]] = Counter()
    for run in runs:
        for each in run.corrected:
            corrections[each.day, each.average] += each.corrections
            unexplained[each.day, each.average] += each.unexplained or 0
    results = [(written.result.day, written.result.average) for run in runs for written in run.written]
    differences: dict[tuple[date, str], int] = {}
    try:
        if days:
            reconciled = reconcile_days(settings, averages, days, run_id, progress)
            differences = {(each.result.day, each.result.average): each.summary.unexplained for each in reconciled.days}
    finally:
        # where the stream does not answer, what was found before is kept
        found = [
            AuditedDay(day, average, True, corrections[of], unexplained[of], differences.get(of), 0)
            for day, average in results
            for of in [(day, average)]
        ]
        with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
            add_audit(connection, run_id, found)
    return found, sum(count for of, count in unexplained.items() if of not in set(results))
