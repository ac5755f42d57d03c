"""Reads a Kafka record's bytes as an event or a heartbeat, or rejects them with a reason.

This is the rule in its simplest form. The stream has the same rule in Java (`EventReader.java` in streaming/operator);
tests/vectors/records.jsonl is run through both. Times and values leave here as whole numbers.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from sma.limits import (
    EARLIEST_EVENT_TIME_MS,
    LATEST_EVENT_TIME_MS,
    MAX_NAME_CHARACTERS,
    MAX_NESTING,
    MAX_RECORD_BYTES,
    MAX_TIME_DIGITS,
)
from sma.value import NotANumber, OutOfRange, parse_value_micros

NO_TIMESTAMP_MS = -1  # Kafka's own mark of a record without one

_INTEGER = re.compile(rf"-?[0-9]{{1,{MAX_TIME_DIGITS}}}", re.ASCII)
_FORBIDDEN = re.compile(r"[/\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_EVENT_FIELDS = ("customer", "metric", "event_time", "value")


@dataclass(frozen=True, slots=True)
class Event:
    """One measurement of the series (customer, metric); times in milliseconds since the Unix epoch, UTC.

    `log_time_ms` is the event time, or the record's timestamp where that is earlier: the time as of which the event
    counts for lateness and the watermark.
    """

    customer: str
    metric: str
    event_time_ms: int
    log_time_ms: int
    value_micros: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A record that only advances the watermark of its partition, to `log_time_ms` less the watermark delay.

    That is the time it states, or its record's timestamp where that is earlier.
    """

    log_time_ms: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be read as an event; `reason` is `<field>: <what is wrong>` or concerns the whole."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Number:
    """A JSON number as it was written, so that it is never converted to a float."""

    text: str


class _Reject(ValueError):
    """Carries the reason out of the checks below."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# created once: json.loads with these would create one for each record
_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant)


def too_long(key_bytes: int, value_bytes: int) -> str | None:
    """Return why a record of such a length is rejected without being read; None where it is to be read.

    Args:
        key_bytes: of its key; 0 or less where it has none.
        value_bytes: of its value, likewise.
    """
    if value_bytes > MAX_RECORD_BYTES:
        return f"longer than {MAX_RECORD_BYTES} bytes"
    return f"key: longer than {MAX_RECORD_BYTES} bytes" if key_bytes > MAX_RECORD_BYTES else None


def read_record(
    key: bytes | None, raw: bytes | None, record_timestamp_ms: int, max_ahead_ms: int
) -> Event | Heartbeat | Rejected:
    """Return what a record of the topic `events` is.

    Args:
        key: the record's key; None where it has none.
        raw: the record's value; None where it has none.
        record_timestamp_ms: the record's Kafka timestamp, or -1 where it has none.
        max_ahead_ms: how far an event time may be ahead of that timestamp.
    """
    try:
        if (reason := too_long(len(key or b""), len(raw or b""))) is not None:
            raise _Reject(reason)
        fields = _parse_object(raw)
        if "heartbeat" in fields and not any(name in fields for name in _EVENT_FIELDS):
            return Heartbeat(_log_time_ms(_time(fields, "heartbeat"), record_timestamp_ms))
        customer, metric = _name(fields, "customer"), _name(fields, "metric")
        event_time_ms = _event_time(fields, record_timestamp_ms, max_ahead_ms)
        value_micros = _value(fields, "value")
        if key != f"{customer}/{metric}".encode():
            raise _Reject("wrong_key: not customer/metric of the event")
        return Event(customer, metric, event_time_ms, _log_time_ms(event_time_ms, record_timestamp_ms), value_micros)
    except _Reject as reject:
        return Rejected(str(reject))


def _parse_object(raw: bytes | None) -> dict[str, Any]:
    try:
        text = (raw or b"").decode("utf-8")
        if _is_nested_deeper(text, MAX_NESTING):
            raise _Reject(f"nested deeper than {MAX_NESTING}")
        parsed = _DECODER.decode(text)
    except _Reject:
        raise
    except ValueError:
        raise _Reject("not UTF-8 JSON") from None
    if not isinstance(parsed, dict):
        raise _Reject("not a JSON object")
    return parsed


def _is_nested_deeper(text: str, limit: int) -> bool:
    """Return whether brackets outside strings nest deeper, whether or not the text is JSON."""
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "{[" else -1
        if depth > limit:
            return True
    return False


def _name(fields: dict[str, Any], field: str) -> str:
    text = _present(fields, field)
    if not isinstance(text, str):
        raise _Reject(f"{field}: not a string")
    fault = name_fault(text)
    if fault is not None:
        raise _Reject(f"{field}: {fault}")
    return text


def name_fault(text: str) -> str | None:
    """Return why a text cannot be the name of a customer or a metric; None where it can."""
    if not 1 <= len(text) <= MAX_NAME_CHARACTERS:
        return f"not 1 to {MAX_NAME_CHARACTERS} characters"
    if _FORBIDDEN.search(text):
        return "has a '/' or a control character"
    if _SURROGATE.search(text):
        return "not Unicode text"
    return None


def _event_time(fields: dict[str, Any], record_timestamp_ms: int, max_ahead_ms: int) -> int:
    time_ms = _time(fields, "event_time")
    if record_timestamp_ms != NO_TIMESTAMP_MS and time_ms > record_timestamp_ms + max_ahead_ms:
        raise _Reject("event_time: more than max_ahead ahead of the record's timestamp")
    return time_ms


def _log_time_ms(time_ms: int, record_timestamp_ms: int) -> int:
    return time_ms if record_timestamp_ms == NO_TIMESTAMP_MS else min(time_ms, record_timestamp_ms)


def _time(fields: dict[str, Any], field: str) -> int:
    number = _present(fields, field)
    if not isinstance(number, _Number) or not re.fullmatch(r"-?[0-9]+", number.text):
        raise _Reject(f"{field}: not an integer")
    if not _INTEGER.fullmatch(number.text):
        raise _Reject(f"{field}: out of range")
    time_ms = int(number.text)
    if not EARLIEST_EVENT_TIME_MS <= time_ms < LATEST_EVENT_TIME_MS:
        raise _Reject(f"{field}: out of range")
    return time_ms


def _value(fields: dict[str, Any], field: str) -> int:
    value = _present(fields, field)
    if not isinstance(value, (str, _Number)):
        raise _Reject(f"{field}: not a number")
    try:
        return parse_value_micros(value if isinstance(value, str) else value.text)
    except NotANumber:
        raise _Reject(f"{field}: not a number") from None
    except OutOfRange:
        raise _Reject(f"{field}: out of range") from None


def _present(fields: dict[str, Any], field: str) -> Any:
    if fields.get(field) is None:
        raise _Reject(f"{field}: missing")
    return fields[field]
