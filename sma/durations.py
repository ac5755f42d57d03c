"""Converts durations as people write them to whole milliseconds, and back."""

import re

from sma.errors import SmaError

MILLISECONDS = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
MINUTE_MS, HOUR_MS, DAY_MS = MILLISECONDS["minute"], MILLISECONDS["hour"], MILLISECONDS["day"]

_DURATION = re.compile(rf"([1-9][0-9]{{0,11}}) ?({'|'.join(MILLISECONDS)})s?")


def parse_duration(text: str) -> int:
    """Return the length of a duration such as `15 minutes`, in milliseconds.

    Raises:
        SmaError: the text is not a whole number, of 1 or more, and a unit.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        units = ", ".join(f"{unit}s" for unit in MILLISECONDS)
        raise SmaError(f"{text!r} is not a duration: write a whole number and a unit ({units}), e.g. '15 minutes'")
    return int(match[1]) * MILLISECONDS[match[2]]


def format_duration(duration_ms: int) -> str:
    """Return the shortest way to write a duration, e.g. `24 hours` as `1 day`."""
    for unit, unit_ms in sorted(MILLISECONDS.items(), key=lambda item: -item[1]):
        if duration_ms % unit_ms == 0 and duration_ms >= unit_ms:
            count = duration_ms // unit_ms
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{duration_ms} milliseconds"
