"""Compares days: the database counts the rows that differ, and only days that have any are recomputed from the log."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from batch.index.log_index import LogIndex
from batch.log.offsets import Progress, retained_ranges
from batch.reconciliation.audit import ReconciledDay
from batch.reconciliation.classify import DIFFERENCES_SCHEMA, classify_differences, summarize
from batch.reconciliation.compare_in_database import RowCounts, count_rows, differing_rows
from batch.reconciliation.recomputed import recomputation_filters, recomputed_rows, windows_changed_since
from batch.results.batch_results import Answer
from batch.store.averages_schema import KEY
from batch.store.database import Connection
from batch.windows.day_plan import DayPlan, consecutive, plan_days, require_retained
from batch.windows.day_rows import DayRows, rows_of
from batch.windows.partition_windows import EventFilter
from sma.averages import Averages
from sma.settings import Settings


@dataclass(frozen=True, slots=True)
class CountedDay:
    """How many rows the layers have of an answer's closed windows, and how long counting took.

    `seconds` is this average's share of what its day took.
    """

    answer: Answer
    counts: RowCounts
    seconds: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """What differences are judged by.

    connection: sees the offset index as `index` tells it.
    index: the log's end, which holds all that the streamed rows can follow from, and perhaps more.
    committed: the Kafka offsets, by partition, before which the stream had read everything when it was looked at.
    """

    connection: Connection
    index: LogIndex
    committed: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Classified:
    """What came of judging; `offsets_read` is how many Kafka offsets had to be read for it."""

    days: tuple[ReconciledDay, ...]
    offsets_read: int


def count_days(connection: Connection, answers: Sequence[Answer]) -> list[CountedDay]:
    """Compare the two layers' rows where they are; by day and average."""
    together: dict[tuple[int, int], list[Answer]] = defaultdict(list)
    for answer in answers:
        together[answer.bounds_ms].append(answer)
    counted = []
    for bounds, several in together.items():
        started = time.monotonic()
        counts = count_rows(connection, [answer.average for answer in several], *bounds)
        seconds = (time.monotonic() - started) / len(several)
        counted += [CountedDay(answer, counts[answer.average], seconds) for answer in several]
    return counted


def classify_days(
    connection: Connection,
    settings: Settings,
    averages: Averages,
    counted: Sequence[CountedDay],
    inputs: Inputs,
    progress: Progress,
) -> Classified:
    """Find and judge every difference of the days that were counted.

    Args:
        connection: sees the layers as they were when they were counted.
        settings: where Kafka is.
        averages: what the answers are of.
        counted: from `count_days`.
        inputs: what the differences are judged by.
        progress: is told what is done.

    Raises:
        SmaError: Kafka does not answer, or no longer holds what a day that differs needs.
    """
    plans = list(_plans([each.answer for each in counted if not each.counts.is_clean], averages, inputs))
    if plans:
        retained = retained_ranges(settings, settings.events_topic)
        require_retained([each.plan for each in plans], settings.events_topic, retained)
    found: dict[tuple[date, str], _Found] = {}
    for each in plans:
        days, offsets = each.plan.days, each.plan.offsets
        progress(f"{days[0]} to {days[-1]}: the layers differ; reading {offsets:,} offsets to see why")
        for day_rows in rows_of(each.plan, settings, averages.max_ahead_ms):
            for average in each.averages_of(day_rows.day):
                held = found[day_rows.day, average] = _classify(connection, day_rows, average, each.filters)
                if held.changed_since:
                    progress(f"{day_rows.day}, {average}: {held.changed_since:,} windows changed meanwhile: left out")
    return Classified(
        days=tuple(_reconciled(each, found.get((each.answer.day, each.answer.average))) for each in counted),
        offsets_read=sum(each.plan.offsets for each in plans),
    )


@dataclass(frozen=True, slots=True)
class _RecomputationPlan:
    """How days are worked out that differ, and whose answers were computed from the same part of the log."""

    plan: DayPlan
    filters: Mapping[str, EventFilter]
    answers: tuple[Answer, ...]

    def averages_of(self, day: date) -> list[str]:
        return [answer.average for answer in self.answers if answer.day == day]


@dataclass(frozen=True, slots=True)
class _Found:
    differences: pl.DataFrame
    changed_since: int
    seconds: float


def _plans(answers: Sequence[Answer], averages: Averages, inputs: Inputs) -> Iterator[_RecomputationPlan]:
    together: dict[tuple[tuple[tuple[int, int], ...], int], list[Answer]] = defaultdict(list)
    for answer in answers:
        together[tuple(sorted(answer.read_to.items())), answer.closed_until_ms].append(answer)
    for (_, closed_until_ms), several in together.items():
        filters = recomputation_filters(several[0].read_to, inputs.committed, inputs.index.read_to)
        for days in consecutive(sorted({answer.day for answer in several})):
            held = tuple(answer for answer in several if answer.day in days)
            names = {answer.average for answer in held}
            wanted = [average for average in averages.averages if average.name in names]
            partitions = list(inputs.index.read_to)
            plan = plan_days(inputs.connection, wanted, filters, partitions, days, closed_until_ms + 1)
            yield _RecomputationPlan(plan, filters, held)


def _classify(connection: Connection, day_rows: DayRows, average: str, filters: Mapping[str, EventFilter]) -> _Found:
    started = time.monotonic()
    differences, changed_since = [pl.DataFrame(schema=DIFFERENCES_SCHEMA)], 0
    for piece in day_rows.pieces:
        left_out = windows_changed_since(piece, average, filters)
        differing = differing_rows(connection, average, piece.from_ms, piece.until_ms)
        kept = differing.join(left_out, on=KEY, how="anti")
        changed_since += differing.height - kept.height
        differences.append(classify_differences(kept, recomputed_rows(piece, average)))
    return _Found(pl.concat(differences).sort(KEY), changed_since, time.monotonic() - started)


def _reconciled(counted: CountedDay, found: _Found | None) -> ReconciledDay:
    differences = found.differences if found else pl.DataFrame(schema=DIFFERENCES_SCHEMA)
    seconds = counted.seconds + (found.seconds if found else 0)
    return ReconciledDay(counted.answer, summarize(counted.counts.equal, differences), differences, seconds)
