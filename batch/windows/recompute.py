"""Computes the rows of some days again from the log: the entry point of this room.

It calls the three steps: `day_plan` plans what to read, `partition_windows` computes, `day_rows` combines the
partitions. What the rows are compared with, or where they are stored, does not belong here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from batch.index.log_index import LogIndex
from batch.log.limits import WORK_LIMITS, WorkLimits
from batch.log.offsets import retained_ranges
from batch.store.database import Connection
from batch.windows.day_plan import DayPlan, consecutive, plan_days, require_retained
from batch.windows.day_rows import SpanRows, rows_of
from batch.windows.partition_windows import EventFilter
from sma.averages import Averages
from sma.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class RowRequest:
    """Which rows to compute, each of them once by each filter.

    averages: the names of the averages, by day.
    filters: which events count, by name.
    until_ms: one past the last `as_of`, if that is before the end of the last day.
    lagging: partition -> last `as_of` of its series, where that is before `until_ms`.
    is_apart: whether each partition is computed alone, where a series has events in more than one: then its rows are
        there for each of them, and their key is not unique.
    """

    averages: Mapping[date, Sequence[str]]
    filters: Mapping[str, EventFilter]
    until_ms: int
    lagging: Mapping[int, int] = field(default_factory=dict)
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class RecomputedDay:
    """The rows of one day: of each of `averages`, in each of `spans`, by time; no span where no window is closed."""

    day: date
    averages: tuple[str, ...]
    spans: tuple[SpanRows, ...]


@dataclass(frozen=True, slots=True)
class Recomputation:
    """The planned days. Iterating over it reads their events, once for all averages and filters."""

    _planned: tuple[tuple[RowRequest, DayPlan], ...]
    _settings: BatchSettings
    _max_ahead_ms: int

    @property
    def offsets(self) -> int:
        """How many Kafka offsets are to be read."""
        return sum(plan.offsets for _, plan in self._planned)

    @property
    def days(self) -> list[date]:
        """The days, ascending; each once."""
        return sorted({day for _, plan in self._planned for day in plan.days})

    def __iter__(self) -> Iterator[RecomputedDay]:
        """Yield the days of each request, oldest first; the rows of one are deleted when the next is requested.

        Raises:
            SmaError: Kafka does not answer, or no longer holds a required block.
        """
        for request, plan in self._planned:
            for day, spans in rows_of(plan, self._settings, self._max_ahead_ms):
                yield RecomputedDay(day, tuple(request.averages[day]), spans)


def recompute_days(
    settings: BatchSettings,
    averages: Averages,
    connection: Connection,
    index: LogIndex,
    requests: Sequence[RowRequest],
    limits: WorkLimits = WORK_LIMITS,
) -> Recomputation:
    """Plan the rows of some days, and return the recomputation, which no longer uses the connection.

    Args:
        settings: how Kafka is reached.
        averages: all of averages.yaml.
        connection: sees the offset index, in a `batch.store.database.snapshot`.
        index: as the connection sees it.
        requests: days in any order; consecutive days are read together.
        limits: of the computation.

    Returns:
        the days; `SpanRows.frames` yields their rows and documents columns, types and order.

    Raises:
        SmaError: Kafka does not answer, or no longer retains the events of one of the days.
    """
    planned = tuple(
        (request, _plan(averages, connection, index, request, days, limits))
        for request in requests
        for days in consecutive(list(request.averages))
    )
    if planned:
        retained = retained_ranges(settings, settings.events_topic)
        require_retained([plan for _, plan in planned], settings.events_topic, retained)
    return Recomputation(planned, settings, averages.max_ahead_ms)


def _plan(
    averages: Averages,
    connection: Connection,
    index: LogIndex,
    request: RowRequest,
    days: Sequence[date],
    limits: WorkLimits,
) -> DayPlan:
    names = {name for day in days for name in request.averages[day]}
    wanted = [average for average in averages.averages if average.name in names]
    return plan_days(
        connection,
        wanted,
        request.filters,
        list(index.read_to),
        days,
        request.until_ms,
        limits,
        lagging=request.lagging,
        is_apart=request.is_apart,
    )
