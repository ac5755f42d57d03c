"""Maps instants to days (UTC): the day that owns an instant, its start, and its number since the Unix epoch.

A day owns each `as_of` in it, its first instant included. sql/functions/instants.sql is the same rule in SQL.
"""

from datetime import date, timedelta

from sma.durations import DAY_MS

_EPOCH_DAY = date(1970, 1, 1)


def day_of(time_ms: int) -> date:
    """Return the day of an instant in milliseconds since the Unix epoch."""
    return day_of_number(time_ms // DAY_MS)


def day_start_ms(day: date) -> int:
    """Return a day's first instant in milliseconds since the Unix epoch."""
    return day_number(day) * DAY_MS


def day_number(day: date) -> int:
    """Return how many days a day is after 1970-01-01; negative before it."""
    return (day - _EPOCH_DAY).days


def day_of_number(number: int) -> date:
    """Return the day that is so many days after 1970-01-01."""
    return _EPOCH_DAY + timedelta(days=number)
