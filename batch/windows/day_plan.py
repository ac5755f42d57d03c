"""Plans from the offset index what to read of the log to compute the rows of some days. No event is read here.

To the days themselves it adds the lookback of their windows: a duration, or the days of the last N events of each
series, however far back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from batch.index.blocks import read_blocks, read_late_events
from batch.index.origins import KnownFrom, read_known_from
from batch.log.limits import WORK_LIMITS, WorkLimits
from batch.log.offsets import OffsetRange
from batch.store.database import Connection
from batch.windows.lookback import longest_ms, most_events
from batch.windows.partition_windows import EventFilter, Source, Task
from batch.windows.spans import Span, spans
from clients.statements import load_statements
from sma.averages import Average
from sma.days import day_number, day_of_number, day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """How the rows of consecutive days are computed: tasks that are independent of one another."""

    days: tuple[date, ...]
    filters: Mapping[str, EventFilter]
    tasks: tuple[Task, ...]
    limits: WorkLimits

    @property
    def offsets(self) -> int:
        """How many Kafka offsets are to be read."""
        return sum(
            end - start for task in self.tasks for source in task.sources for start, end in task.all_ranges(source)
        )


def plan_days(
    connection: Connection,
    averages: Sequence[Average],
    filters: Mapping[str, EventFilter],
    partitions: Sequence[int],
    days: Sequence[date],
    until_ms: int,
    limits: WorkLimits = WORK_LIMITS,
    lagging: Mapping[int, int] | None = None,
    *,
    is_apart: bool = False,
) -> DayPlan:
    """Plan consecutive days from the index as the connection sees it (`batch.store.database.snapshot`).

    Args:
        connection: to the database.
        averages: whose rows are wanted.
        filters: which events count, by name.
        partitions: all of the log.
        days: ascending, without a gap.
        until_ms: one past the last wanted `as_of`, if that is before the end of the days.
        limits: of the computation.
        lagging: partition -> last wanted `as_of` of its series, where that is before `until_ms`.
        is_apart: as `batch.windows.recompute.RowRequest` has it.
    """
    from_ms = day_start_ms(days[0])
    until_ms = max(from_ms, min(day_start_ms(days[-1]) + DAY_MS, until_ms))
    groups = [[partition] for partition in sorted(partitions)] if is_apart else _groups(connection, partitions)
    warm_up = [_warm_up_days(connection, averages, filters, group, from_ms, until_ms) for group in groups]
    first_day = min((min(days) for days in warm_up), default=from_ms // DAY_MS)
    bounds = {"from_day": _day_of_number(first_day), "until_day": day_of_number(-(-until_ms // DAY_MS))}
    events_by_day = {day_number(day): count for day, count in connection.execute(_SQL["count_by_day"], bounds)}
    ((series_count,),) = connection.execute(_SQL["count_series"]).fetchall()
    tasks = []
    for group, days_before in zip(groups, warm_up, strict=True):
        task_spans = tuple(spans(sorted(days_before), from_ms, until_ms, events_by_day, averages, series_count, limits))
        first_ms = min((span.from_ms for span in task_spans), default=from_ms)
        known_from = read_known_from(connection, group, first_ms)
        sources = tuple(_source(connection, partition, task_spans, known_from) for partition in group)
        last_ms = min((lagging[each] for each in group if lagging and each in lagging), default=until_ms - 1)
        tasks.append(Task(sources, tuple(averages), filters, task_spans, limits.bridged_offsets, last_ms + 1))
    return DayPlan(tuple(days), filters, tuple(tasks), limits)


def lagging_together(connection: Connection, partitions: Sequence[int], lagging: Mapping[int, int]) -> dict[int, int]:
    """Return `batch.index.closed_days.lagging` where partitions that share a series are computed as far as the last.

    Args:
        connection: to the database.
        partitions: all of the log.
        lagging: partition -> last instant that can be an `as_of` of a closed window there.
    """
    if not lagging:
        return {}
    together = dict(lagging)
    for group in _groups(connection, partitions):
        if behind := [lagging[each] for each in group if each in lagging]:
            together |= dict.fromkeys(group, min(behind))
    return together


def consecutive(days: Sequence[date]) -> list[list[date]]:
    """Return the days, ascending, in groups without a gap."""
    groups: list[list[date]] = []
    for day in sorted(days):
        if groups and day - groups[-1][-1] == timedelta(days=1):
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups


def require_retained(plans: Sequence[DayPlan], topic: str, retained: Mapping[int, OffsetRange]) -> None:
    """Refuse plans whose offsets Kafka no longer has.

    Raises:
        SmaError: names the days, the partition and the Kafka offsets of the first such plan.
    """
    for plan in plans:
        for task in plan.tasks:
            for source in task.sources:
                required = task.all_ranges(source)
                start = retained[source.partition].start
                if required and required[0][0] < start:
                    raise SmaError(_gone(plan, task, source, topic, start))


def _gone(plan: DayPlan, task: Task, source: Source, topic: str, start: int) -> str:
    first_offset, _, _, max_time_ms = source.blocks
    lost = max_time_ms[(first_offset < start) & (max_time_ms >= task.spans[0].from_ms)].max()
    # events before the days belong to the lookback of the first of them
    last_day = min(plan.days[-1], max(plan.days[0], day_of_number(int(lost) // DAY_MS)))
    days = str(plan.days[0]) if last_day == plan.days[0] else f"{plan.days[0]} to {last_day}"
    return (
        f"{days}: {topic}, partition {source.partition} no longer retains the Kafka offsets "
        f"{task.all_ranges(source)[0][0]} to {start - 1}, where events of these days, or of the lookback of their "
        "windows, are: nothing was computed, and stored results stay as they are"
    )


def _source(connection: Connection, partition: int, task_spans: Sequence[Span], known_from: KnownFrom) -> Source:
    from_ms = min((span.from_ms for span in task_spans), default=0)
    until_ms = max((span.until_ms for span in task_spans), default=0)
    bounds = partition, from_ms, until_ms
    return Source(partition, read_blocks(connection, *bounds), read_late_events(connection, *bounds), known_from)


def _warm_up_days(
    connection: Connection,
    averages: Sequence[Average],
    filters: Mapping[str, EventFilter],
    partitions: Sequence[int],
    from_ms: int,
    until_ms: int,
) -> set[int]:
    """Return the days since the epoch that hold events in the lookback of the range.

    The last events of a series may be in any of the partitions, where it has moved from one to another.
    """
    lookback_ms = longest_ms(averages)
    days = set(range((from_ms - lookback_ms) // DAY_MS, from_ms // DAY_MS))
    largest = most_events(averages)
    if not largest:
        return days
    # a filter that ends earlier does not count all of the last events: the lookback is longer by those it leaves out
    left_out = max(
        sum(_count_after(connection, event_filter, partition, from_ms) for partition in partitions)
        for event_filter in filters.values()
    )
    bound = {
        "partitions": list(partitions),
        "from_day": day_of_number(from_ms // DAY_MS),
        "lookback_day": _day_of_number((from_ms - lookback_ms) // DAY_MS),
        "until_day": day_of_number(-(-until_ms // DAY_MS)),
        "event_count": largest + left_out,
    }
    return days | {day_number(day) for (day,) in connection.execute(_SQL["read_days_before"], bound)}


def _day_of_number(number: int) -> date:
    """Return the day of a lookback; before the first day of the calendar there is no event."""
    return day_of_number(max(number, day_number(date.min)))


def _count_after(connection: Connection, event_filter: EventFilter, partition: int, until_ms: int) -> int:
    if event_filter.read_to is None:
        return 0
    bound = {"partition": partition, "read_to": event_filter.read_to.get(partition, 0), "until_ms": until_ms}
    ((count,),) = connection.execute(_SQL["count_after"], bound).fetchall()
    return int(count)


def _groups(connection: Connection, partitions: Sequence[int]) -> list[list[int]]:
    """Return the partitions in groups that share a series, whose windows are over the events of all of them."""
    groups = [{partition} for partition in partitions]
    for (shared,) in connection.execute(_SQL["find_scattered_series"]):
        touched = [group for group in groups if group & set(shared)]
        groups = [group for group in groups if group not in touched] + [set().union(*touched)]
    return sorted(sorted(group) for group in groups if group)
