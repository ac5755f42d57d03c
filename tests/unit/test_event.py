"""The rule that reads a record, case by case: tests/vectors/records.jsonl, which the stream is held to as well."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sma.event import NO_TIMESTAMP_MS, Event, Heartbeat, Rejected, read_record
from sma.limits import MAX_NESTING

VECTORS = Path(__file__).parent.parent / "vectors" / "records.jsonl"
CASES = [json.loads(line) for line in VECTORS.read_text(encoding="utf-8").splitlines()]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=10,
)


def raw_bytes(case: dict[str, Any]) -> bytes | None:
    if "raw_base64" in case:
        return base64.b64decode(case["raw_base64"])
    raw: str | None = case["raw"]
    return None if raw is None else raw.encode()


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_a_record_is_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "rejected" in expect:
        expected: Event | Heartbeat | Rejected = Rejected(expect["rejected"])
    elif "heartbeat" in expect:
        expected = Heartbeat(expect["heartbeat"])
    else:
        expected = Event(**expect)
    timestamp_ms = case.get("record_timestamp_ms", NO_TIMESTAMP_MS)
    assert read_record(raw_bytes(case), timestamp_ms, case.get("max_ahead_ms", 0)) == expected


@given(st.binary(max_size=60))
def test_any_bytes_have_an_outcome(raw: bytes) -> None:
    assert isinstance(read_record(raw, NO_TIMESTAMP_MS, 0), (Event, Heartbeat, Rejected))


@given(json_values)
def test_any_json_but_an_object_is_rejected_as_such_and_an_object_never(value: Any) -> None:
    outcome = read_record(json.dumps(value).encode(), NO_TIMESTAMP_MS, 0)
    assert (outcome == Rejected("not a JSON object")) == (not isinstance(value, dict))


@given(json_values, st.integers(0, 2 * MAX_NESTING))
def test_nesting_is_rejected_beyond_its_limit_only(value: Any, added: int) -> None:
    nested = value
    for _ in range(added):
        nested = [nested]
    outcome = read_record(json.dumps(nested).encode(), NO_TIMESTAMP_MS, 0)
    assert (outcome == Rejected("nested deeper than 100")) == (added + depth(value) > MAX_NESTING)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0
