"""Defines which served rows are read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sma.errors import SmaError
from sma.instants import milliseconds, parse_instant

Instant = str | date | datetime
"""An instant as a caller gives it: ISO 8601 text, a day (its first instant) or a time; UTC unless it has a zone."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows with start_ms <= as_of < end_ms that have all of the names given; None selects any."""

    customer: str | None = None
    metric: str | None = None
    average: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    is_final_only: bool = False


def select(
    customer: str | None = None,
    metric: str | None = None,
    average: str | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    *,
    final: bool = False,
) -> Selection:
    """Return the selection of what a caller asks for.

    Raises:
        SmaError: a time cannot be read, or the range is empty.
    """
    start_ms, end_ms = (None if time is None else _instant_ms(time) for time in (start, end))
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise SmaError(f"the range from {start} to {end} is empty: the end is excluded, so it must be later")
    return Selection(customer, metric, average, start_ms, end_ms, final)


def _instant_ms(given: Instant) -> int:
    if isinstance(given, str):
        return parse_instant(given)
    if isinstance(given, datetime):
        return milliseconds(given if given.tzinfo else given.replace(tzinfo=UTC))
    return milliseconds(datetime.combine(given, time(), UTC))
