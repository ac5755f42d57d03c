"""The rule that reads a record, case by case: tests/vectors/records.jsonl, which the stream is held to as well."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sma.event import NO_TIMESTAMP_MS, Event, Heartbeat, Rejected, read_record
from sma.limits import MAX_NESTING
from tests.support.record_vectors import RecordCase, record_cases

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("case", record_cases(), ids=lambda case: case.why)
def test_a_record_is_read_as_the_vectors_say(case: RecordCase) -> None:
    assert read_record(case.key, case.value, case.timestamp_ms, case.max_ahead_ms) == case.expected


@given(st.binary(max_size=60))
def test_any_bytes_have_an_outcome(raw: bytes) -> None:
    assert isinstance(read_record(None, raw, NO_TIMESTAMP_MS, 0), (Event, Heartbeat, Rejected))


@given(json_values)
def test_any_json_but_an_object_is_rejected_as_such_and_an_object_never(value: Any) -> None:
    outcome = read_record(None, json.dumps(value).encode(), NO_TIMESTAMP_MS, 0)
    assert (outcome == Rejected("not a JSON object")) == (not isinstance(value, dict))


@given(json_values, st.integers(0, 2 * MAX_NESTING))
def test_nesting_is_rejected_beyond_its_limit_only(value: Any, added: int) -> None:
    nested = value
    for _ in range(added):
        nested = [nested]
    outcome = read_record(None, json.dumps(nested).encode(), NO_TIMESTAMP_MS, 0)
    assert (outcome == Rejected("nested deeper than 100")) == (added + depth(value) > MAX_NESTING)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0
