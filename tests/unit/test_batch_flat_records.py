"""Two readers, one answer: what the fast reader says of any bytes is what `sma.event.read_record` says."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.log.broker import Fetched
from batch.log.fast_reader import Fetch, read_partition
from batch.log.flat_json import PADDING_BYTES, REST
from batch.log.flat_records import read_flat_records
from batch.log.records import Records
from batch.log.series_table import SeriesTable
from sma.event import NO_TIMESTAMP_MS, read_record
from sma.settings import Settings
from tests.support.kafka_batches import Entry, encode_batch, key_of
from tests.support.record_vectors import RecordCase, record_cases
from tests.support.slow_reader import Reading, readings

KeyAndValue = tuple[bytes | None, bytes | None]

INT64 = re.compile(r"-?[0-9]{1,18}", re.ASCII)  # what is sure to fit
PLAIN = b'{"customer": "AA", "metric": "delay", "event_time": 1700000000000, "value": "-12.5"}'

numbers = st.from_regex(r"[-+]?[0-9]{0,14}\.?[0-9]{0,8}([eE][-+]?[0-9]{1,3})?", fullmatch=True)
names = st.text(max_size=3) | st.text(alphabet='ab/\x7f\\"\n', max_size=4) | st.integers(126, 130).map("n".__mul__)
times = (
    st.integers(-(10**15), 10**15).map(str) | numbers | st.sampled_from(["-62135596800000", "221845392000000", "-0"])
)
spaces = st.sampled_from(["", " ", "\t\r\n ", "\f"])


@st.composite
def almost_events(draw: st.DrawFn) -> bytes:
    fields = [
        ("customer", json.dumps(draw(names), ensure_ascii=draw(st.booleans()))),
        ("metric", json.dumps(draw(names), ensure_ascii=draw(st.booleans()))),
        ("event_time", draw(times)),
        ("value", draw(numbers) if draw(st.booleans()) else json.dumps(draw(numbers))),
        ("heartbeat", draw(times)),
        (draw(names), draw(st.sampled_from(["null", "true", "1", '"x"', "[]", "{}", "-1.0", "NaN"]))),
    ]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=7) | st.just(fields[:4]) | st.just(fields[4:5]))
    pieces = [
        f"{draw(spaces)}{json.dumps(name)}{draw(spaces)}:{draw(spaces)}{value}{draw(spaces)}" for name, value in chosen
    ]
    return f"{draw(spaces)}{{{','.join(pieces)}}}{draw(spaces)}".encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    raw = bytearray(draw(originals))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        part = draw(
            st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b",", b":", b"}", b"{", b"0", b".", b"e", b" "])
        )
        raw[at : at + draw(st.integers(0, 2))] = part
    return bytes(raw)


@st.composite
def keyed(draw: st.DrawFn, values: st.SearchStrategy[bytes | None]) -> KeyAndValue:
    """A record under the key of its event, or almost."""
    value = draw(values)
    key = key_of(value)
    wrong = st.none() | st.binary(max_size=9) | mutated(st.just(key or b"AA/delay"))
    return (draw(wrong) if draw(st.integers(0, 3)) == 0 else key), value


def read_fast(records: Sequence[KeyAndValue], timestamp_ms: int, max_ahead_ms: int) -> list[Reading]:
    """What the batch layer's reader makes of these records, in their order."""
    entries = [Entry(value, delta, key=key) for delta, (key, value) in enumerate(records)]
    batch = encode_batch(entries, base_timestamp_ms=timestamp_ms)
    table = SeriesTable()
    fetch: Fetch = lambda *_: iter([Fetched(batch, ())])  # noqa: E731
    (chunk,) = read_partition(Settings(), "events", 0, 0, len(records), max_ahead_ms, table, fetch=fetch)
    found = readings(chunk, table)
    assert [offset for offset, _ in found] == list(range(len(records)))
    return [reading for _, reading in found]


def assert_read_alike(records: Sequence[KeyAndValue], timestamp_ms: int, max_ahead_ms: int) -> None:
    expected = [read_record(key, value, timestamp_ms, max_ahead_ms) for key, value in records]
    assert read_fast(records, timestamp_ms, max_ahead_ms) == expected


def is_plain(raw: bytes) -> bool:
    key = key_of(raw) or b""
    columns = (np.array([number]) for number in (0, NO_TIMESTAMP_MS, len(raw), len(key), 0, len(raw)))
    padded = np.frombuffer(bytearray((raw + key).ljust(len(raw) + len(key) + PADDING_BYTES)), np.uint8)
    return int(read_flat_records(padded, Records(*columns), 0).kinds[0]) != REST


@pytest.mark.parametrize("case", record_cases(), ids=lambda case: case.why)
def test_a_record_is_read_as_the_vectors_say(case: RecordCase) -> None:
    assert read_fast([(case.key, case.value)], case.timestamp_ms, case.max_ahead_ms) == [case.expected]


@given(
    st.lists(keyed(mutated(almost_events() | st.just(PLAIN)) | st.none()), min_size=1, max_size=20),
    times,
    st.booleans(),
)
def test_both_read_any_record_alike(records: list[KeyAndValue], time: str, has_timestamp: bool) -> None:
    assert_read_alike(records, int(time) if has_timestamp and INT64.fullmatch(time) else NO_TIMESTAMP_MS, 5)


@given(st.lists(keyed(st.just(PLAIN)), min_size=1, max_size=20), st.integers(-9, 9))
def test_both_compare_any_key_alike(records: list[KeyAndValue], ahead_ms: int) -> None:
    assert_read_alike(records, 1_700_000_000_000 - ahead_ms, 5)


@given(st.lists(keyed(st.binary(max_size=40)), min_size=1, max_size=20))
def test_both_read_any_bytes_alike(records: list[KeyAndValue]) -> None:
    assert_read_alike(records, NO_TIMESTAMP_MS, 0)


@given(st.integers(-(10**12) * 10**6 + 1, 10**12 * 10**6 - 1), st.integers(0, 6), st.booleans())
def test_every_value_that_fits_is_read_to_the_last_digit(micros: int, decimals: int, as_string: bool) -> None:
    whole, fraction = divmod(abs(micros), 10**6)
    text = f"{'-' if micros < 0 else ''}{whole}" + (f".{fraction:06d}"[: decimals + 1] if decimals else "")
    value = f'"{text}"' if as_string else text
    raw = f'{{"customer":"c","metric":"m","event_time":0,"value":{value}}}'.encode()
    assert is_plain(raw)
    assert_read_alike([(key_of(raw), raw)], 0, 0)


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        PLAIN.replace(b" ", b""),
        PLAIN.replace(b'"-12.5"', b"-12.5"),
        PLAIN.replace(b"{", b'{"unit": "min", "n": -1.5,'),
        b' { "heartbeat" : -7 } ',
    ],
)
def test_records_as_plain_producers_write_them_need_no_strict_reading(raw: bytes) -> None:
    assert is_plain(raw)


@pytest.mark.parametrize("timestamp_ms", [-(2**62), -2, 2**62])
def test_the_furthest_max_ahead_does_not_overflow(timestamp_ms: int) -> None:
    for max_ahead_ms in (2**62, -(2**62)):
        assert_read_alike([(key_of(PLAIN), PLAIN)], timestamp_ms, max_ahead_ms)


def test_a_name_is_distinguished_from_every_other_one() -> None:
    #  the same letters, cut elsewhere: a/bc, ab/c; and names that only lengths tell apart
    pairs = [
        ("a", "bc"),
        ("ab", "c"),
        ("a" * 8, "b"),
        ("a" * 9, "b"),
        ("a", "b" * 8),
        ("a" * 7, "b"),
        ("\x01" * 2, "c"),
    ]
    table = SeriesTable()
    numbered = [table.number(customer, metric) for customer, metric in pairs]
    assert [table.number(customer, metric) for customer, metric in pairs] == numbered == list(range(len(pairs)))


def test_a_table_of_series_grows_and_numbers_stay() -> None:
    table = SeriesTable.of_size(series=2, name_bytes=1_100)
    pairs = [(f"customer{number}" * 9, "m" * (number % 128 + 1)) for number in range(500)]
    assert [table.number(*pair) for pair in pairs] == list(range(500))
    assert [table.number(*pair) for pair in reversed(pairs)] == list(reversed(range(500)))
    assert [table[number] for number in range(len(table))] == pairs
