"""Defines the daily partitions, UTC: a day owns each row whose `as_of` is in it. Today and tomorrow exist already."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from sma.errors import SmaError
from sma.settings import load_settings

days = dg.DailyPartitionsDefinition(start_date=load_settings().first_day, timezone="UTC", end_offset=2)


def today() -> date:
    """Return the present day, UTC."""
    return datetime.now(UTC).date()


def days_of(partition_keys: Sequence[str]) -> list[date]:
    """Return the days that partition keys name."""
    return [date.fromisoformat(key) for key in partition_keys]


def partition_bounds() -> tuple[date, date]:
    """Return the first and the last day that is a partition."""
    return date.fromisoformat(load_settings().first_day), date.fromisoformat(str(days.get_last_partition_key()))


def partition_keys(days: Sequence[date]) -> list[str]:
    """Return the keys of days, which are ascending.

    Raises:
        SmaError: one of them is no partition.
    """
    first, last = partition_bounds()
    for day in (*days[:1], *days[-1:]):
        if not first <= day <= last:
            raise SmaError(
                f"{day} is no daily partition: there are those from {first} (SMA_FIRST_DAY) to {last}, tomorrow; "
                "is a clock wrong, or SMA_FIRST_DAY too late?"
            )
    return [str(day) for day in days]


def left_out(days: Sequence[date]) -> str:
    """Return the line that names days, ascending, that are no partitions."""
    first, last = partition_bounds()
    named = str(days[0]) if len(days) == 1 else f"{len(days):,} days from {days[0]} to {days[-1]}"
    return (
        f"left out: {named}, where the log has events: there are daily partitions from {first} (SMA_FIRST_DAY) to "
        f"{last} only"
    )


def days_between(start: date, end: date) -> list[date]:
    """Return the days from the first to the last, both included.

    Raises:
        SmaError: the last is before the first.
    """
    if end < start:
        raise SmaError(f"the last day, {end}, is before the first, {start}: swap them")
    return [start + timedelta(days=index) for index in range((end - start).days + 1)]


def ranges_of(days: Sequence[date], bridged_days: int = 0) -> list[tuple[date, date]]:
    """Return the first and the last day of each range of days, ascending; a run is of one range.

    Args:
        days: ascending.
        bridged_days: how many days that are not among them may be between two days of a range.
    """
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and day - ranges[-1][1] <= timedelta(days=1 + bridged_days):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges
