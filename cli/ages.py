"""Says how long ago something was as people do: `3 minutes`, `12 days`; as a date where that says more."""

from datetime import UTC, datetime, timedelta

MOST_DAYS = 60
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LEAST = 2  # of a larger unit, or the smaller one says more: 90 minutes


def span_in_words(seconds: float) -> str:
    """Return a span of time in its largest unit of which there are at least two.

    >>> span_in_words(190), span_in_words(1), span_in_words(12 * 86_400)
    ('3 minutes', '1 second', '12 days')
    """
    for size, unit in _UNITS:
        count = int(max(0.0, seconds) // size)
        if count >= _LEAST:
            return f"{count} {unit}s"
    return "1 second" if seconds >= 1 else "0 seconds"


def ago_in_words(seconds: float, now: datetime) -> str:
    """Return how long ago: `3 minutes ago`; beyond 60 days the date, `on 2013-01-31`."""
    if seconds > MOST_DAYS * 86_400:
        return f"on {_day(seconds, now)}"
    return "just now" if seconds < 1 else f"{span_in_words(seconds)} ago"


def lasting_in_words(seconds: float, now: datetime) -> str:
    """Return since when: `for 3 minutes`; beyond 60 days the date, `since 2013-01-31`."""
    if seconds > MOST_DAYS * 86_400:
        return f"since {_day(seconds, now)}"
    return f"for {span_in_words(seconds)}"


def _day(seconds: float, now: datetime) -> str:
    return f"{(now - timedelta(seconds=seconds)).astimezone(UTC):%Y-%m-%d}"
