"""Converts instants between whole milliseconds since the Unix epoch, datetimes and text; no float in between."""

from datetime import UTC, datetime, timedelta

from sma.errors import SmaError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(time_ms: int) -> datetime:
    """Return milliseconds since the Unix epoch as a time, UTC, that PostgreSQL takes."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def milliseconds(time: datetime) -> int:
    """Return a time as whole milliseconds since the Unix epoch; microseconds are cut off."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def format_instant(time_ms: int) -> str:
    """Return an instant as people and `sma explain` read it, e.g. `2013-01-10T22:15:00Z`."""
    time = instant(time_ms).replace(tzinfo=None)
    return f"{time.isoformat(timespec='milliseconds' if time.microsecond else 'seconds')}Z"


def parse_instant(text: str) -> int:
    """Return an ISO 8601 time in milliseconds since the Unix epoch; without a zone it is UTC.

    Raises:
        SmaError: the text is no such time, or is finer than milliseconds.
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SmaError(
            f"{text!r} is no time: write it as ISO 8601, e.g. 2013-01-10T22:15, UTC without a zone"
        ) from None
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    if zoned.microsecond % 1_000:
        raise SmaError(f"{text!r} is finer than milliseconds, and no grid point is")
    return milliseconds(zoned)
