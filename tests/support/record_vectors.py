"""The cases of tests/vectors/records.jsonl: records, and what both layers must read in them."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sma.event import NO_TIMESTAMP_MS, Event, Heartbeat, Rejected

_FILE = Path(__file__).parent.parent / "vectors" / "records.jsonl"


@dataclass(frozen=True)
class RecordCase:
    """A record, the rule for it, and what it is."""

    why: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    max_ahead_ms: int
    expected: Event | Heartbeat | Rejected


def record_cases() -> list[RecordCase]:
    return [_case(json.loads(line)) for line in _FILE.read_text(encoding="utf-8").splitlines()]


def _case(case: dict[str, Any]) -> RecordCase:
    return RecordCase(
        case["why"],
        _bytes(case, "key", _series(case["expect"])),
        _bytes(case, "raw", None),
        case.get("record_timestamp_ms", NO_TIMESTAMP_MS),
        case.get("max_ahead_ms", 0),
        _expected(case["expect"]),
    )


def _expected(expect: dict[str, Any]) -> Event | Heartbeat | Rejected:
    if "rejected" in expect:
        return Rejected(expect["rejected"])
    if "heartbeat" in expect:
        return Heartbeat(expect["heartbeat"])
    return Event(**{"log_time_ms": expect["event_time_ms"], **expect})


def _series(expect: dict[str, Any]) -> bytes | None:
    """The key that a record has where the case gives none: that of its event."""
    return f"{expect['customer']}/{expect['metric']}".encode() if "customer" in expect else None


def _bytes(case: dict[str, Any], name: str, otherwise: bytes | None) -> bytes | None:
    if f"{name}_base64" in case:
        return base64.b64decode(case[f"{name}_base64"])
    text: str | None = case.get(name)
    return otherwise if name not in case else None if text is None else text.encode()
