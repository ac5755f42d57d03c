"""Reads the limits of an event from limits.properties, which the stream's Java reads too.

The limits are applied in sma/event.py and sma/value.py.
"""

from pathlib import Path

_FILE = Path(__file__).with_name("limits.properties")


def _read() -> dict[str, int]:
    lines = (line.strip() for line in _FILE.read_text(encoding="ascii").splitlines())
    pairs = (line.split("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): int(value) for name, value in pairs}


_LIMITS = _read()

MAX_RECORD_BYTES = _LIMITS["max_record_bytes"]
MAX_NAME_CHARACTERS = _LIMITS["max_name_characters"]
VALUE_SCALE = _LIMITS["value_scale"]
VALUE_INTEGER_DIGITS = _LIMITS["value_integer_digits"]
EARLIEST_EVENT_TIME_MS = _LIMITS["earliest_event_time_ms"]
LATEST_EVENT_TIME_MS = _LIMITS["latest_event_time_ms"]  # exclusive
MAX_TIME_DIGITS = _LIMITS["max_time_digits"]
MAX_NESTING = _LIMITS["max_nesting"]
ORIGIN_EVENTS = _LIMITS["origin_events"]
