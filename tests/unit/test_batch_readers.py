"""Two readers of the log, one result: the same records, columns and errors, whichever of them reads."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.log import client_reader, fast_reader
from batch.log.broker import Fetched
from batch.log.chunk import Chunk, Value
from batch.log.client_reader import Record, chunk_of
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from sma.errors import SmaError
from sma.event import NO_TIMESTAMP_MS, Event, Heartbeat, Rejected
from sma.settings import Settings
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import CODECS, Entry, control_batch, encode_batch, event, events, key_of, sent
from tests.support.record_vectors import record_cases
from tests.support.slow_reader import Reading, readings

READERS = pytest.mark.parametrize("reader", [fast_reader, client_reader], ids=["fast", "client"])
DAY_MS = 86_400_000
COLUMNS = [
    "series_ids",
    "event_times_ms",
    "log_times_ms",
    "values_micros",
    "kafka_offsets",
    "heartbeat_offsets",
    "heartbeat_times_ms",
    "rejected_offsets",
]
VALUES: list[bytes | None] = [
    None,
    b"",
    b"not JSON",
    b'{"heartbeat": 9}',
    b' { "heartbeat" : -7 } ',
    b'{"customer": "c", "metric": 1}',
    '{"customer": "Ä", "metric": "m", "event_time": 1, "value": 2e0}'.encode(),
    b'{"customer": "c", "metric": "m", "event_time": 3, "value": "-999999999999.999999"}',
    event(7),
    event(8),
    event(2 * DAY_MS),
]


def read(
    reader: ModuleType, kafka: str, start: int, end: int, max_ahead_ms: int = DAY_MS, limits: ReadLimits = LIMITS
) -> list[tuple[int, Reading]]:
    series = SeriesTable()
    settings = Settings(kafka_bootstrap=kafka)
    chunks = list(reader.read_partition(settings, TOPIC, 0, start, end, max_ahead_ms, series, limits))
    assert not chunks or chunks[-1].next_offset >= end
    assert [chunk.next_offset for chunk in chunks] == sorted(chunk.next_offset for chunk in chunks)
    return [each for chunk in chunks for each in readings(chunk, series)]


def read_fast(batch: bytes, end: int, max_ahead_ms: int) -> tuple[Chunk, SeriesTable]:
    series = SeriesTable()
    fetch: fast_reader.Fetch = lambda *_: iter([Fetched(batch, ())])  # noqa: E731
    (chunk,) = fast_reader.read_partition(Settings(), TOPIC, 0, 0, end, max_ahead_ms, series, fetch=fetch)
    return chunk, series


def assert_same(fast: tuple[Chunk, SeriesTable], plain: tuple[Chunk, SeriesTable]) -> None:
    """The same records in the same kinds of columns; series may be numbered in another order."""
    assert readings(*fast) == readings(*plain)
    for column in COLUMNS:
        one, other = getattr(fast[0], column), getattr(plain[0], column)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert other.flags.c_contiguous
        assert other.flags.writeable
        assert column == "series_ids" or (one == other).all()
    assert (fast[0].records, fast[0].next_offset) == (plain[0].records, plain[0].next_offset)
    assert fast[0].reasons == plain[0].reasons


def assert_read_alike(entries: Sequence[Entry], timestamp_ms: int, max_ahead_ms: int) -> None:
    batch = encode_batch(entries, base_timestamp_ms=timestamp_ms)
    records = [
        Record(entry.delta, timestamp_ms + entry.timestamp_delta_ms, entry.key, entry.value) for entry in entries
    ]
    end, series = entries[-1].delta + 1, SeriesTable()
    assert_same(read_fast(batch, end, max_ahead_ms), (chunk_of(records, end, max_ahead_ms, series), series))


def test_the_vectors_become_the_same_columns() -> None:
    for case in record_cases():
        assert_read_alike([Entry(case.value, 0, key=case.key)], case.timestamp_ms, case.max_ahead_ms)
    together = [Entry(case.value, delta, key=case.key) for delta, case in enumerate(record_cases())]
    assert_read_alike(together, NO_TIMESTAMP_MS, 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(VALUES), st.integers(1, 3), st.sampled_from([0, 1, -1]), st.booleans()), min_size=1
    )
)
def test_any_records_become_the_same_columns(some: list[tuple[bytes | None, int, int, bool]]) -> None:
    entries: list[Entry] = []
    for value, step, timestamp_delta_ms, is_keyed in some:
        delta = entries[-1].delta + step if entries else step - 1
        entries.append(Entry(value, delta, timestamp_delta_ms, key_of(value) if is_keyed else b"c1/m"))
    assert_read_alike(entries, 5, DAY_MS)


def test_no_records_are_empty_columns_of_the_same_types() -> None:
    series = SeriesTable()
    batch = encode_batch([], last_delta=4)
    assert_same(read_fast(batch, 5, 0), (chunk_of([], 5, 0, series), series))


@READERS
@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_and_kind_of_record_is_read(reader: ModuleType, codec: str) -> None:
    entries = [replace(sent(value, delta), headers=[(b"h", None)]) for delta, value in enumerate(VALUES)]
    with kafka_with(Log([encode_batch(entries, codec=codec), events(len(VALUES), 300, codec)])) as kafka:
        found = read(reader, kafka, 0, len(VALUES) + 300)
    assert [offset for offset, _ in found] == list(range(len(VALUES) + 300))
    assert [type(each) for _, each in found[: len(VALUES)]] == [
        *[Rejected] * 3, *[Heartbeat] * 2, Rejected, *[Event] * 4, Rejected
    ]  # fmt: skip


@READERS
def test_a_range_begins_and_ends_within_a_batch(reader: ModuleType) -> None:
    with kafka_with(Log([events(0, 10), events(10, 10, "lz4"), events(20, 10)])) as kafka:
        for start, end in [(0, 30), (5, 13), (9, 10), (10, 11), (29, 30), (0, 1)]:
            assert [offset for offset, _ in read(reader, kafka, start, end)] == list(range(start, end))


@READERS
def test_an_empty_range_is_not_fetched(reader: ModuleType) -> None:
    log = Log([events(0, 10), events(10, 10)])
    with kafka_with(log) as kafka:
        assert read(reader, kafka, 7, 7) == read(reader, kafka, 20, 20) == []
    assert log.offsets_asked == []


@READERS
def test_aborted_transactions_control_records_and_what_compaction_took_are_no_records(reader: ModuleType) -> None:
    #  producer 1: 0-4 aborted at 10, 11-15 committed at 16;  producer 2: 5-9 committed at 17;
    #  compacted: 18-30, where 20 is left;  producer 1: 31-32 aborted at 33, the end
    batches = [
        events(0, 5, producer_id=1, is_transactional=True),
        events(5, 5, producer_id=2, is_transactional=True),
        control_batch(10, 1, is_commit=False),
        events(11, 5, producer_id=1, is_transactional=True),
        control_batch(16, 1, is_commit=True),
        control_batch(17, 2, is_commit=True),
        encode_batch([sent(event(20), 2)], 18, last_delta=6),
        encode_batch([], 25, last_delta=5),
        events(31, 2, producer_id=1, is_transactional=True),
        control_batch(33, 1, is_commit=False),
    ]
    committed = [*range(5, 10), *range(11, 16), 20]
    for fetched_batches in (1, 2, 3, 10):
        log = Log(batches, aborted=[(1, 0, 10), (1, 31, 33)], fetched_batches=fetched_batches)
        with kafka_with(log) as kafka:
            for start, end in [(0, 34), (0, 33), (3, 18), (7, 12), (16, 18), (21, 31), (32, 34)]:
                expected = [offset for offset in committed if start <= offset < end]
                assert [offset for offset, _ in read(reader, kafka, start, end)] == expected


@READERS
def test_the_time_of_appending_is_the_timestamp_where_kafka_sets_it(reader: ModuleType) -> None:
    late = encode_batch([sent(event(DAY_MS + 5), 0)], append_time_ms=4)
    on_time = encode_batch([sent(event(DAY_MS + 5), 0)], base_offset=1, append_time_ms=5)
    with kafka_with(Log([late, on_time])) as kafka:
        found = read(reader, kafka, 0, 2)
    assert [type(each) for _, each in found] == [Rejected, Event]


@READERS
def test_values_are_read_whatever_they_mean(reader: ModuleType) -> None:
    entries = [Entry(value, delta) for delta, value in enumerate([None, b"", b"x"])]
    with kafka_with(Log([encode_batch(entries), control_batch(3, 1, is_commit=True)])) as kafka:
        found = list(chain.from_iterable(reader.read_values(Settings(kafka_bootstrap=kafka), TOPIC, 0, 0, 4)))
    assert found == [Value(0, 0, None), Value(0, 1, b""), Value(0, 2, b"x")]


def test_chunks_of_the_client_reader_are_bounded_in_records_and_bytes() -> None:
    with kafka_with(Log([events(0, 100)])) as kafka:
        for limits in (ReadLimits(client_chunk_records=30), ReadLimits(chunk_bytes=30 * len(event(10) + b"c1/m"))):
            settings = Settings(kafka_bootstrap=kafka)
            chunks = list(client_reader.read_partition(settings, TOPIC, 0, 0, 100, DAY_MS, SeriesTable(), limits))
            assert [chunk.records for chunk in chunks][0] in (30, 31)
            assert [chunk.next_offset for chunk in chunks] == np.cumsum([chunk.records for chunk in chunks]).tolist()
            assert chunks[-1].next_offset == 100


@READERS
def test_offsets_that_kafka_does_not_hold_are_the_same_error(reader: ModuleType) -> None:
    with kafka_with(Log([events(60, 40)], start=60)) as kafka:
        assert len(read(reader, kafka, 60, 100)) == 40
        for start, end in [(59, 100), (101, 110)]:
            with pytest.raises(SmaError) as raised:
                read(reader, kafka, start, end)
            assert str(raised.value) == (
                f"events: partition 0 no longer holds the Kafka offsets {start} to {end - 1}, or never did: nothing "
                "was read in their place; `sma status` shows what Kafka retains"
            )


@READERS
def test_a_range_whose_end_does_not_come_is_the_same_error(reader: ModuleType) -> None:
    limits = ReadLimits(silence_seconds=0.3)
    with kafka_with(Log([events(0, 10)])) as kafka:
        chunks = reader.read_partition(Settings(kafka_bootstrap=kafka), TOPIC, 0, 0, 30, DAY_MS, SeriesTable(), limits)
        assert next(chunks).next_offset == 10
        with pytest.raises(SmaError) as raised:
            next(chunks)
    assert str(raised.value) == (
        f"Kafka at {kafka} sent nothing for 0 seconds while events: partition 0 was being read from Kafka offset 10 to "
        "30: is it running, and is no transaction open there?"
    )


@READERS
def test_kafka_that_does_not_answer_is_the_same_error(reader: ModuleType) -> None:
    why = r"^Kafka does not answer at 127\.0\.0\.1:1 \(events: partition 0 could not be read from Kafka offset 4: "
    with pytest.raises(SmaError, match=why):
        read(reader, "127.0.0.1:1", 4, 5, limits=ReadLimits(retry_seconds=0.2, response_seconds=0.3))


@READERS
@pytest.mark.parametrize(("topic", "partition"), [("missing", 0), (TOPIC, 77)])
def test_a_topic_or_partition_that_is_not_there_is_the_same_error(
    reader: ModuleType, topic: str, partition: int
) -> None:
    limits = ReadLimits(retry_seconds=0.2)
    with kafka_with(Log([events(0, 10)])) as kafka:
        why = rf"^Kafka at {kafka} refuses: {topic}: partition {partition} could not be read from Kafka offset 0: "
        with pytest.raises(SmaError, match=why):
            list(reader.read_values(Settings(kafka_bootstrap=kafka), topic, partition, 0, 1, limits))


@READERS
def test_a_damaged_batch_is_refused_and_records_before_it_may_be_read(reader: ModuleType) -> None:
    damaged = bytearray(events(10, 10))
    damaged[-3] ^= 1
    log = Log([events(0, 10), bytes(damaged), events(20, 10)], fetched_batches=1)
    with kafka_with(log) as kafka:
        assert len(read(reader, kafka, 0, 10)) == 10
        with pytest.raises(SmaError, match=r"^events: partition 0: the record batch at Kafka offset 10 is damaged: "):
            read(reader, kafka, 0, 30)


@READERS
def test_what_cannot_be_read_at_all_is_the_same_error(reader: ModuleType) -> None:
    with pytest.raises(SmaError, match="^events: partition 0: 6 to 5 is no range of Kafka offsets"):
        read(reader, "127.0.0.1:1", 6, 5)
    with pytest.raises(SmaError, match="^max_ahead: .* is out of range"):
        read(reader, "127.0.0.1:1", 0, 5, max_ahead_ms=2**62 + 1)
    with pytest.raises(SmaError, match="^SMA_KAFKA_BOOTSTRAP: 'kafka:port' is no list of host:port"):
        read(reader, "kafka:port", 0, 5)
