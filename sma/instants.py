"""Instants as whole milliseconds since the Unix epoch, and back; no float in between."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(time_ms: int) -> datetime:
    """Return milliseconds since the Unix epoch as a time, UTC, that PostgreSQL takes."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def milliseconds(time: datetime) -> int:
    """Return a time as whole milliseconds since the Unix epoch; what is finer is cut off."""
    return (time - _EPOCH) // timedelta(milliseconds=1)
