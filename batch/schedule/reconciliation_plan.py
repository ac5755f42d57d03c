"""Plans a reconciliation that somebody asks for: which days, why, and what of the log they read. Computes nothing.

Without other wishes these are the stale days, as the sensors take them (`batch.schedule.backlog`): settled days that no
event has changed are left out.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from batch.index.extend import extend_index
from batch.index.known_series import require_customer
from batch.index.log_index import LogIndex, read_index
from batch.log.offsets import Progress, retained_ranges
from batch.results.retention import first_day_kept
from batch.schedule.backlog import Backlog, read_backlog
from batch.schedule.owner_days import closed_owner_days, owner_days, result_days, stored_days
from batch.schedule.required_offsets import is_gone, required_offsets
from batch.schedule.unclosed import Unclosed, read_unclosed
from batch.store.database import Connection, connect, snapshot
from batch.store.job_starts import averages_in_force
from batch.windows.day_plan import DayPlan, consecutive, plan_days, require_retained
from batch.windows.partition_windows import EventFilter
from clients.statements import load_statements
from sma.averages import Averages
from sma.days import day_start_ms
from sma.settings import BatchSettings

DayRange = tuple[date, date]  # the first and the last day, both included
RangesOfRuns = Callable[[Sequence[date], Collection[date]], Sequence[DayRange]]
"""(days, apart) -> the days of each run of some days; a run computes all days with rows in it, and none of `apart`."""

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class DayRequest:
    """Which days to reconcile: the stale ones; settled ones too if `is_all`, or if a first or a last day is given.

    customer: only days that own rows of this customer; None for all.
    """

    start: date | None = None
    end: date | None = None
    customer: str | None = None
    is_all: bool = False

    @property
    def includes_settled(self) -> bool:
        """Whether days are taken that are settled and unchanged."""
        return self.is_all or self.start is not None or self.end is not None

    def contains(self, day: date) -> bool:
        """Tell whether a day is neither before the first nor after the last one."""
        return (self.start or day) <= day <= (self.end or day)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The days that can be reconciled: from the first to the last daily partition, none before `first_kept`."""

    first: date
    last: date
    first_kept: date | None

    def __contains__(self, day: date) -> bool:
        """Tell whether a day can be reconciled."""
        return self.first <= day <= self.last and (self.first_kept is None or day >= self.first_kept)


@dataclass(frozen=True, slots=True)
class ReconciliationPlan:
    """What a reconciliation is about to do.

    days: to reconcile, ascending.
    reasons: why a day is stale, as `batch.schedule.stale_days` names it; a settled day has none.
    settled: how many days with closed windows are left out, since nothing changed after they were reconciled.
    outside: days left out because they are no partition, ascending.
    gone: stale days left out because Kafka no longer has their events, ascending.
    apart: days that no run may include: these, and settled ones of which Kafka no longer has the events.
    offsets: how many Kafka offsets are to be read, of the `offsets_in_log`.
    unclosed: the events that are not compared yet.
    last_reconciled_at: None where nothing was ever reconciled.
    unexplained: how many differences the newest reconciliation of each asked day has left unexplained.
    """

    days: tuple[date, ...]
    reasons: Mapping[date, frozenset[str]]
    settled: int
    outside: tuple[date, ...]
    gone: tuple[date, ...]
    apart: tuple[date, ...]
    offsets: int
    offsets_in_log: int
    unclosed: Unclosed
    last_reconciled_at: datetime | None
    unexplained: int = 0


@dataclass(frozen=True, slots=True)
class SelectedDays:
    """The days to reconcile, and those left out: `outside` and `gone` as in the plan; all ascending."""

    days: tuple[date, ...]
    outside: tuple[date, ...]
    gone: tuple[date, ...]


def plan_reconciliation(
    settings: BatchSettings,
    averages: Averages,
    request: DayRequest,
    partitions: DayRange,
    today: date,
    ranges_of_runs: RangesOfRuns,
    progress: Progress,
) -> ReconciliationPlan:
    """Extend the offset index to the log's end, and plan; nothing else is written.

    Args:
        settings: where Kafka and the database are.
        averages: those of averages.yaml.
        request: which days are asked for.
        partitions: the first and the last daily partition.
        today: the day in UTC.
        ranges_of_runs: of the days to reconcile.
        progress: takes a line per step.

    Raises:
        SmaError: there is no such customer; Kafka no longer has the events of a settled day that is asked for; or Kafka
            or the database does not answer.
    """
    averages = averages_in_force(settings, averages)
    extend_index(settings, averages, progress)
    backlog = read_backlog(settings, averages, today)
    topic = settings.events_topic
    backlog = replace(backlog, retained=backlog.retained or retained_ranges(settings, topic))
    bounds = Bounds(*partitions, first_day_kept(settings.keep_days, today))
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, snapshot(connection):
        return plan_by_index(connection, averages, request, backlog, bounds, ranges_of_runs, topic)


def plan_by_index(
    connection: Connection,
    averages: Averages,
    request: DayRequest,
    backlog: Backlog,
    bounds: Bounds,
    ranges_of_runs: RangesOfRuns,
    topic: str,
) -> ReconciliationPlan:
    """Plan by what is in the database, and what Kafka retains.

    Args:
        connection: to the database, in a `batch.store.database.snapshot`.
        averages: that are in force.
        request: which days are asked for.
        backlog: the stale days, and what Kafka retains.
        bounds: the days that can be reconciled.
        ranges_of_runs: of the days to reconcile.
        topic: of the log.

    Raises:
        SmaError: there is no such customer, or Kafka no longer has the events of a settled day that is asked for.
    """
    index = read_index(connection)
    unclosed = read_unclosed(connection, index, averages, request.customer)
    closed = _closed_days(connection, averages, unclosed.low_watermark_ms)
    own = closed if request.customer is None else closed & _days_of(connection, averages, request.customer)
    selected = select_days(request, backlog, own, bounds)
    between = _days_within(closed.difference(selected.days), ranges_of_runs(selected.days, selected.gone))
    required = required_offsets(connection, averages, between)
    lost = [day for day in between if is_gone(required.get(day, {}), backlog.retained)]
    apart = (*selected.gone, *lost)
    days = _days_within(closed, ranges_of_runs(selected.days, apart))
    reasons = {each.day: each.reasons for each in backlog.stale}
    day_plans = _day_plans(connection, averages, index, days, unclosed.low_watermark_ms)
    require_retained(day_plans, topic, backlog.retained)
    asked = {
        "averages": [average.name for average in averages.averages],
        "start": request.start,
        "end": request.end,
    }
    ((last_reconciled_at, unexplained),) = connection.execute(_SQL["read_newest_reconciliations"], asked).fetchall()
    return ReconciliationPlan(
        days=tuple(days),
        reasons=reasons,
        settled=len([day for day in own.difference(days, reasons) if day in bounds and request.contains(day)]),
        outside=selected.outside,
        gone=selected.gone,
        apart=apart,
        offsets=sum(each.offsets for each in day_plans),
        offsets_in_log=index.offsets,
        unclosed=unclosed,
        last_reconciled_at=last_reconciled_at,
        unexplained=unexplained,
    )


def select_days(request: DayRequest, backlog: Backlog, closed: Collection[date], bounds: Bounds) -> SelectedDays:
    """Select the days to reconcile, and those that are left out.

    Args:
        request: what is asked for.
        backlog: the stale days.
        closed: the days with rows of closed windows, of the customer that is asked for.
        bounds: the days that can be reconciled.
    """
    stale = {each.day for each in backlog.stale}
    wanted = sorted(day for day in closed if request.contains(day) and (request.includes_settled or day in stale))
    possible = [day for day in wanted if day in bounds]
    outside = tuple(day for day in wanted if not bounds.first <= day <= bounds.last)
    if request.includes_settled:
        return SelectedDays(tuple(possible), outside, ())
    reconcilable = {each.day for each in backlog.reconcilable(bounds.first, bounds.last)}
    return SelectedDays(
        days=tuple(day for day in possible if day in reconcilable),
        outside=outside,
        gone=tuple(day for day in possible if day not in reconcilable),
    )


def _days_within(days: Collection[date], ranges: Sequence[DayRange]) -> list[date]:
    return sorted(day for day in days if any(first <= day <= last for first, last in ranges))


def _closed_days(connection: Connection, averages: Averages, low_watermark_ms: int | None) -> set[date]:
    """Return the days with closed windows that own rows by the index, or of which rows or a result are stored."""
    if low_watermark_ms is None:
        return set()
    stored = stored_days(connection) | result_days(connection)
    return {
        *closed_owner_days(connection, averages),
        *(day for day in stored if day_start_ms(day) <= low_watermark_ms),
    }


def _days_of(connection: Connection, averages: Averages, customer: str) -> set[date]:
    require_customer(connection, customer)
    return owner_days(connection, averages, customer=customer)


def _day_plans(
    connection: Connection,
    averages: Averages,
    index: LogIndex,
    days: Sequence[date],
    low_watermark_ms: int | None,
) -> list[DayPlan]:
    """Return what is to be read of the log, as the runs will plan it."""
    if low_watermark_ms is None:
        return []
    everything = {"all": EventFilter()}
    return [
        plan_days(connection, averages.averages, everything, list(index.read_to), group, low_watermark_ms + 1)
        for group in consecutive(days)
    ]
