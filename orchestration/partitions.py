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


def partition_keys(start_day: date, end_day: date) -> list[str]:
    """Return the keys of the days from the first to the last, both included.

    Raises:
        SmaError: the last is before the first, or a day is no partition.
    """
    if end_day < start_day:
        raise SmaError(f"the last day, {end_day}, is before the first, {start_day}: swap them")
    first, last = partition_bounds()
    for day in (start_day, end_day):
        if not first <= day <= last:
            raise SmaError(
                f"{day} is no daily partition: there are those from {first} (SMA_FIRST_DAY) to {last}, tomorrow; "
                "is a clock wrong, or SMA_FIRST_DAY too late?"
            )
    return [str(start_day + timedelta(days=index)) for index in range((end_day - start_day).days + 1)]
