"""Finds the events that no closed window contains, which nobody compares yet, and what holds their windows back.

A day's windows are compared once the watermarks of all partitions that have one have passed them: a partition without
newer records holds back those of all others. One that got its first events after that holds back its own alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from batch.index.closed_days import has_watermark, holding_back, lagging, low_watermark_ms
from batch.index.log_index import IndexedPartition, LogIndex
from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Averages
from sma.days import day_of, day_start_ms
from sma.durations import DAY_MS
from sma.grid import grid_point_at_or_before

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class HoldingPartition:
    """A partition whose watermark has not passed the windows.

    max_log_time_ms: of its events and heartbeats.
    newest_series: customer and metric of its newest event; None where it has none.
    indexed_at: when it last had a new record, as far as the index knows.
    """

    kafka_partition: int
    max_log_time_ms: int
    newest_series: tuple[str, str] | None
    indexed_at: datetime


@dataclass(frozen=True, slots=True)
class Unclosed:
    """The events that no closed window contains.

    events: how many there are; if not `is_exact`, there are at least so many.
    days: their days, ascending.
    low_watermark_ms: None where no partition has an event or heartbeat, so no window is closed.
    held_back_by: the partitions that hold the first of their windows back, those that are furthest behind first.
    """

    events: int
    is_exact: bool
    days: tuple[date, ...]
    low_watermark_ms: int | None
    held_back_by: tuple[HoldingPartition, ...]


def read_unclosed(connection: Connection, index: LogIndex, averages: Averages, customer: str | None = None) -> Unclosed:
    """Count the events that no closed window contains, as far as the log is indexed.

    Args:
        connection: to the database, in the snapshot that the index was read in.
        index: how far each partition is indexed.
        averages: whose windows they are.
        customer: of the events; None for all.
    """
    if not index.partitions:
        return Unclosed(0, True, (), None, ())
    if not has_watermark(index):  # then there is no event either
        return Unclosed(0, True, (), None, ())
    low_watermark = low_watermark_ms(index, averages.watermark_delay_ms)
    from_ms = max(grid_point_at_or_before(low_watermark, each.every_ms, each.offset_ms) for each in averages.averages)
    day = day_of(from_ms)
    counts = _count_by_day(connection, day, customer)
    on_day, is_exact = _count_on_day(connection, from_ms, customer)
    days = (*((day,) if on_day else ()), *counts)
    first_ms = max(low_watermark, day_start_ms(days[0])) if days else low_watermark
    holding = holding_back(index, averages.watermark_delay_ms, first_ms + 1) if days else ()
    behind = _read_behind(connection, lagging(index, averages.watermark_delay_ms), customer)
    return Unclosed(
        events=on_day + sum(counts.values()) + len(behind),
        is_exact=is_exact and not behind,
        days=tuple(sorted({*days, *behind.values()})),
        low_watermark_ms=low_watermark,
        held_back_by=_described(
            connection, holding or [each for each in index.partitions if each.kafka_partition in behind]
        ),
    )


def _read_behind(connection: Connection, behind: Mapping[int, int], customer: str | None) -> dict[int, date]:
    """Return the lagging partitions that have an event in no closed window of theirs, and its day."""
    bound = {"partitions": list(behind), "closed_ms": list(behind.values()), "customer": customer}
    return dict(connection.execute(_SQL["read_behind"], bound).fetchall()) if behind else {}


def _count_by_day(connection: Connection, last_closed_day: date, customer: str | None) -> dict[date, int]:
    statement = _SQL["count_by_day"] if customer is None else _SQL["count_of_customer_by_day"]
    bound = {"last_closed_day": last_closed_day, "customer": customer}
    return dict(connection.execute(statement, bound).fetchall())


def _count_on_day(connection: Connection, from_ms: int, customer: str | None) -> tuple[int, bool]:
    """Return how many events of the day of `from_ms` are not before it, and whether the count is exact."""
    day = day_of(from_ms)
    bound = {"from_ms": from_ms, "until_ms": day_start_ms(day) + DAY_MS, "day": day, "customer": customer}
    ((in_time, is_exact, late),) = connection.execute(_SQL["count_on_day"], bound).fetchall()
    if customer is None:
        return in_time + late, is_exact
    return late, is_exact and in_time == 0  # blocks have no customers


def _described(connection: Connection, partitions: Sequence[IndexedPartition]) -> tuple[HoldingPartition, ...]:
    bound = {"partitions": [partition.kafka_partition for partition in partitions]}
    newest = {
        number: ((customer, metric) if customer is not None else None, indexed_at)
        for number, indexed_at, customer, metric in connection.execute(_SQL["read_newest"], bound)
    }
    furthest_behind_first = sorted(
        (each.max_log_time_ms, each.kafka_partition) for each in partitions if each.max_log_time_ms is not None
    )
    return tuple(HoldingPartition(number, time_ms, *newest[number]) for time_ms, number in furthest_behind_first)
