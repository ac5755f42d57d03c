"""Bytes that lie: whatever a batch holds is read as the oracle reads it, or refused, and no load leaves its memory."""

import ctypes
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import google_crc32c
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.log import flat_json, flat_records, records, series_table
from batch.log.broker import Fetched
from batch.log.codecs import decompress_into
from batch.log.compiled import WORD_BYTES
from batch.log.fast_reader import Fetch, read_partition
from batch.log.flat_json import EVENT, HEARTBEAT, PADDING_BYTES, REST
from batch.log.flat_records import read_flat_records
from batch.log.limits import ReadLimits
from batch.log.records import BATCH_COLUMNS, BEGIN, COUNT, END, LAST_DELTA, MalformedBatch, Records, decode_records
from batch.log.series_table import SeriesTable
from sma.errors import SmaError
from sma.event import NO_TIMESTAMP_MS, Event, Heartbeat, read_record
from sma.settings import Settings
from tests.support.kafka_batches import CODECS, Entry, encode_batch, encode_record, event, key_of, varint
from tests.support.slow_reader import Contradiction, Reading, read_batch, readings

Bytes = npt.NDArray[np.uint8]

HEADER_BYTES, CHECKED_FROM = 61, 21
LONG = '{"customer": "%s", "metric": "m", "event_time": 5, "value": %s}'
VALUES: list[bytes | None] = [
    None,
    b"",
    b'"',
    event(7),
    event(10**12),
    b' { "heartbeat" : -7 } ',
    event(1)[:-1],
    event(1)[:-6],
    b'{"x": ' + b"[" * 200,
    (LONG % ("😀" * 128, '"1e-3"')).encode(),
    (LONG % ("m" * 128, "9" * 12 + ".000001")).encode(),
    (LONG % ("m", "7" * 300)).encode(),
    (LONG % ("Ä", "1")).encode("latin-1"),
]
# what follows in memory: anything that could make a record longer than it is
AFTER = [b"\0", b"0", b'"', b"}", b".5", b" ", b'"}', b'","value":"', b',"event_time":-5', b'{"heartbeat":"', b"\xff"]
lies = st.sampled_from([*map(varint, (-1, -2, 0, 1, 63, 64, 2**31, 2**63 - 1, -(2**63))), b"\xff" * 12, b"\x80" * 10])
entries = st.lists(
    st.builds(
        lambda *fields: fields,
        st.sampled_from(VALUES),
        st.integers(1, 3),
        st.sampled_from([0, 0, 1, -5, 2**62, -(2**62)]),
        st.none() | st.binary(max_size=70),
        st.lists(st.tuples(st.binary(max_size=3), st.none() | st.binary(max_size=3)), max_size=2),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def damaged(draw: st.DrawFn, raw: bytes, first: int = 0) -> bytes:
    changed = bytearray(raw)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(first, max(first, len(changed))))
        part = draw(st.binary(max_size=2) | lies)
        changed[at : at + draw(st.integers(0, 3) | st.just(len(part)) | st.just(len(changed)))] = part
    return bytes(changed)


@st.composite
def some_entries(draw: st.DrawFn) -> list[Entry]:
    found: list[Entry] = []
    for value, step, timestamp_delta_ms, key, headers in draw(entries):
        delta = found[-1].delta + step if found else step - 1
        found.append(Entry(value, delta, timestamp_delta_ms, key_of(value) if draw(st.booleans()) else key, headers))
    return found


@st.composite
def damaged_batches(draw: st.DrawFn) -> bytes:
    """Their length and checksum are right; the records are not, before or after compression, or the header is not."""
    some, codec = draw(some_entries()), draw(st.sampled_from(sorted(CODECS)))
    plain = b"".join(map(encode_record, some))
    where = draw(st.sampled_from(["plain", "compressed", "header"]))
    if where == "plain":
        plain = draw(damaged(plain))
    raw = bytearray(encode_batch(some, 100, codec, records=plain, append_time_ms=draw(st.sampled_from([None, 10**7]))))
    if where == "compressed":
        raw[HEADER_BYTES:] = draw(damaged(bytes(raw[HEADER_BYTES:])))
    if where == "header":
        raw[draw(st.integers(CHECKED_FROM, HEADER_BYTES - 1))] = draw(st.integers(0, 255))
    raw[8:12] = struct.pack(">i", len(raw) - 12)
    raw[17:CHECKED_FROM] = struct.pack(">I", google_crc32c.value(bytes(raw[CHECKED_FROM:])))
    return bytes(raw)


def read_fast(raw: bytes, start: int, end: int, max_ahead_ms: int, whole_batch_bytes: int) -> list[tuple[int, Reading]]:
    table = SeriesTable()
    limits = ReadLimits(batch_bytes=2**20, chunk_bytes=2**8, whole_batch_bytes=whole_batch_bytes)
    fetch: Fetch = lambda *_: iter([Fetched(raw, ())])  # noqa: E731
    chunks = read_partition(Settings(), "events", 3, start, end, max_ahead_ms, table, limits, fetch)
    return [reading for chunk in chunks for reading in readings(chunk, table)]


@settings(max_examples=200)
@given(
    damaged_batches(),
    st.sampled_from([(0, 10**6), (102, 104)]),
    st.sampled_from([1_000, 10**15]),
    st.sampled_from([2**8, 2**20]),
)
def test_a_damaged_batch_is_read_as_the_oracle_reads_it_or_refused(
    raw: bytes, wanted: tuple[int, int], max_ahead_ms: int, whole_batch_bytes: int
) -> None:
    try:
        expected = read_batch(raw, *wanted, max_ahead_ms)
    except Contradiction:
        with pytest.raises(SmaError, match=r"^events: partition 3: the record batch at Kafka offset 100 "):
            read_fast(raw, *wanted, max_ahead_ms, whole_batch_bytes)
    else:
        assert read_fast(raw, *wanted, max_ahead_ms, whole_batch_bytes) == expected


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
def test_bytes_that_are_cut_off_are_not_decompressed_into_others(codec: str) -> None:
    plain = bytes(range(256)) * 20
    compressed = encode_batch([], codec=codec, records=plain)[HEADER_BYTES:]
    room = np.zeros(len(plain) + 1, np.uint8)
    for cut in range(0, len(compressed), 7):
        try:
            size = decompress_into(CODECS[codec], compressed[: len(compressed) - cut], room)
        except ValueError:
            continue
        assert room[:size].tobytes() == plain[:size]


def padded(text: bytes, after: bytes, room: int) -> Bytes:
    return np.frombuffer(bytearray(text + (after * room)[:room]), np.uint8)


def slices_of(bounds: Sequence[tuple[int, int]], key: tuple[int, int]) -> Records:
    """Records whose values lie at `bounds`, all with one key."""
    starts, ends = np.array(bounds, np.int64).T.copy()
    key_start, key_length = np.full(len(bounds), key[0]), np.full(len(bounds), key[1] - key[0])
    no_timestamp = np.full(len(bounds), NO_TIMESTAMP_MS)
    return Records(np.arange(len(bounds)), no_timestamp, key_start, key_length, starts, ends - starts)


@given(st.data(), st.sampled_from([value for value in VALUES if value]), st.sampled_from(AFTER))
def test_what_follows_a_record_in_memory_does_not_matter(data: st.DataObject, value: bytes, after: bytes) -> None:
    key, text = key_of(value) or b"", data.draw(damaged(value))[:400]
    bounds = [(0, end) for end in range(len(text) + 1)] + [(start, len(text)) for start in range(len(text))]
    shifted = [(len(key) + start, len(key) + end) for start, end in bounds]
    plain = padded(key + text, after, PADDING_BYTES)
    found = read_flat_records(plain, slices_of(shifted, (0, len(key))), 0)
    for row in np.flatnonzero(found.kinds != REST).tolist():
        expected = read_record(key, text[slice(*bounds[row])], NO_TIMESTAMP_MS, 0)
        log_time_ms, micros = int(found.log_times_ms[row]), int(found.values_micros[row])
        if found.kinds[row] == HEARTBEAT:
            assert expected == Heartbeat(log_time_ms)
            continue
        assert found.kinds[row] == EVENT
        customer, _, metric = key.decode().partition("/")
        assert expected == Event(customer, metric, int(found.times_ms[row]), log_time_ms, micros)


@contextmanager
def interpreted(*arrays: Bytes) -> Iterator[None]:
    """The loops run by Python instead of compiled; a load that is not within one of these arrays is an error."""
    held = [range(array.ctypes.data, array.ctypes.data + len(array)) for array in arrays]

    def load(address: int, size: int) -> int:
        assert any(address in array and address + size - 1 in array for array in held), "not in memory that is held"
        return int.from_bytes(ctypes.string_at(address, size), "little")

    loads = {
        "load_byte": lambda address: load(int(address), 1),
        "load_word": lambda address: np.uint64(load(int(address), WORD_BYTES)),
        "lowest_byte": lambda word: ((int(word) & -int(word)).bit_length() - 1) // 8,
    }
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        for module in (records, flat_json, flat_records, series_table):
            for name, each in list(vars(module).items()):
                if name in loads or hasattr(each, "py_func"):
                    patch.setattr(module, name, loads.get(name) or each.py_func)
        yield


@given(st.data(), some_entries(), st.integers(-1, 1))
def test_no_record_is_looked_for_beyond_its_batch(data: st.DataObject, some: list[Entry], more: int) -> None:
    plain = np.frombuffer(bytearray(data.draw(damaged(b"".join(map(encode_record, some))))), np.uint8)
    batches = np.zeros((1, BATCH_COLUMNS), np.int64)
    batches[0, [BEGIN, END, LAST_DELTA, COUNT]] = 0, len(plain), some[-1].delta, max(0, len(some) + more)
    with interpreted(plain):
        try:
            found = decode_records(plain, batches, 0, 10**6)
        except MalformedBatch:
            return
    for starts, lengths in [(found.key_starts, found.key_lengths), (found.value_starts, found.value_lengths)]:
        assert all(0 <= start <= len(plain) for start in starts.tolist())
        assert (starts + lengths <= len(plain)).all()


@given(st.data(), st.sampled_from([value for value in VALUES if value]), st.sampled_from(AFTER))
def test_no_field_is_looked_for_beyond_the_padding(data: st.DataObject, value: bytes, after: bytes) -> None:
    text = data.draw(damaged(value))[:400]
    end = data.draw(st.integers(0, len(text)))
    bounds = [(0, len(text)), (0, end), (end, len(text)), (end, end), (len(text), len(text))]
    key = key_of(value) or b""
    plain = padded(text + key, after, PADDING_BYTES)
    records_there = slices_of(bounds, (len(text), len(text) + len(key)))
    compiled_kinds = read_flat_records(plain, records_there, 0).kinds.tolist()
    with interpreted(plain):
        assert read_flat_records(plain, records_there, 0).kinds.tolist() == compiled_kinds


@given(st.lists(st.tuples(*[st.text("a😀", min_size=1, max_size=3) | st.just("😀" * 128)] * 2), min_size=1, max_size=9))
def test_no_series_is_looked_for_beyond_the_names(pairs: list[tuple[str, str]]) -> None:
    texts = ["/".join(pair).encode() for pair in pairs]
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.cumsum(lengths) - lengths
    text = padded(b"".join(texts), b"a", WORD_BYTES)
    kinds = np.full(len(pairs), EVENT, np.uint8)
    table = SeriesTable()
    known: dict[tuple[str, str], int] = {}
    expected = [known.setdefault(pair, len(known)) for pair in pairs]
    with interpreted(text, table.names):
        assert table.number_all(text, starts, lengths, kinds, EVENT).tolist() == expected
    assert [table[number] for number in range(len(table))] == list(known)
    assert SeriesTable().number_all(text, starts, lengths, kinds, EVENT).tolist() == expected


def test_names_longer_than_an_event_s_are_no_series() -> None:
    with pytest.raises(ValueError, match="a series' name of 100002 bytes"):
        SeriesTable().number("c" * 100_000, "m")
