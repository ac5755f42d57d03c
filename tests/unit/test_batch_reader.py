"""One partition as columns: which records of which batches are read, and which are refused?"""

import pickle
from collections.abc import Sequence

import google_crc32c
import numpy as np
import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from batch.log.broker import Fetched
from batch.log.chunk import Chunk
from batch.log.fast_reader import Fetch, read_partition
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from batch.log.unreadable import FastReaderUnavailable
from sma.errors import SmaError
from sma.event import NO_TIMESTAMP_MS, Rejected, read_record
from sma.settings import Settings
from tests.support.kafka_batches import CODECS, Entry, control_batch, encode_batch, encode_record, event, events, sent

DAY_MS = 86_400_000
FAR = 1_000_000


def read(
    raw: bytes | Sequence[Fetched],
    start: int = 0,
    end: int = FAR,
    max_ahead_ms: int = DAY_MS,
    limits: ReadLimits = LIMITS,
) -> tuple[list[Chunk], SeriesTable]:
    fetches = [Fetched(raw, ())] if isinstance(raw, bytes) else raw
    series = SeriesTable()
    fetch: Fetch = lambda *_: iter(fetches)  # noqa: E731
    return list(read_partition(Settings(), "events", 3, start, end, max_ahead_ms, series, limits, fetch)), series


def offsets(chunks: Sequence[Chunk]) -> list[int]:
    return [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()]


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_gives_the_same_columns(codec: str) -> None:
    chunks, series = read(events(40, 100, codec))
    (chunk,) = chunks
    assert chunk.kafka_offsets.tolist() == list(range(40, 140))
    assert chunk.event_times_ms.tolist() == list(range(40, 140))
    assert chunk.values_micros.tolist() == [number * 1_000_000 + 500_000 for number in range(40, 140)]
    assert [series[number] for number in chunk.series_ids.tolist()] == [(f"c{n % 3}", "m") for n in range(40, 140)]
    assert (chunk.records, chunk.next_offset, chunk.reasons) == (100, 140, ())
    assert (chunk.series_ids.dtype, chunk.values_micros.dtype) == (np.int32, np.int64)


def test_a_batch_of_another_encoder_with_keys_headers_and_a_tombstone() -> None:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**6,
    )
    builder.append(0, 5, b"c1/m", event(1), [("trace", b"x" * 200), ("", None)])
    builder.append(1, 6, None, None, [])
    builder.append(2, 7, b"", b'{"heartbeat": 9}', [])
    (chunk,), _ = read(bytes(builder.build()))
    assert chunk.kafka_offsets.tolist() == [0]
    assert (chunk.heartbeat_offsets.tolist(), chunk.heartbeat_times_ms.tolist()) == ([2], [7])
    assert (chunk.rejected_offsets.tolist(), chunk.reasons) == ([1], ("not UTF-8 JSON",))


def test_a_range_may_begin_and_end_within_a_batch() -> None:
    #  0 ---- 9, 10 ---- 19
    #      [5 ------- 13)
    chunks, _ = read(events(0, 10) + events(10, 10), 5, 13)
    assert offsets(chunks) == list(range(5, 13))


def test_what_compaction_took_leaves_gaps() -> None:
    entries = [sent(event(delta), delta) for delta in (2, 5, 6)]
    chunks, _ = read(encode_batch(entries, 100, last_delta=9) + encode_batch([], 110, last_delta=4) + events(200, 1))
    assert offsets(chunks) == [102, 105, 106, 200]
    assert chunks[-1].next_offset == 201


def test_a_batch_that_is_cut_off_is_left_for_the_next_fetch() -> None:
    whole, next_batch = events(0, 10), events(10, 10)
    for cut in range(1, len(next_batch), 7):
        chunks, _ = read(whole + next_batch[:-cut])
        assert (offsets(chunks), chunks[-1].next_offset) == (list(range(10)), 10)


def test_records_of_an_aborted_transaction_and_control_records_are_no_records() -> None:
    #  producer 1: 0-4 aborted at 10, 11-15 committed at 16;  producer 2: 5-9 committed at 17
    raw = (
        events(0, 5, producer_id=1, is_transactional=True)
        + events(5, 5, producer_id=2, is_transactional=True)
        + control_batch(10, 1, is_commit=False)
        + events(11, 5, producer_id=1, is_transactional=True)
        + control_batch(16, 1, is_commit=True)
        + control_batch(17, 2, is_commit=True)
    )
    chunks, _ = read([Fetched(raw, ((1, 0),))])
    assert (offsets(chunks), chunks[-1].next_offset) == ([*range(5, 10), *range(11, 16)], 18)


def test_a_producer_aborts_twice() -> None:
    raw = (
        events(0, 2, producer_id=1, is_transactional=True)
        + control_batch(2, 1, is_commit=False)
        + events(3, 2, producer_id=1, is_transactional=True)
        + control_batch(5, 1, is_commit=True)
        + events(6, 2, producer_id=1, is_transactional=True)
        + control_batch(8, 1, is_commit=False)
        + events(9, 2, producer_id=1)
    )
    chunks, _ = read([Fetched(raw, ((1, 0), (1, 6)))])
    assert offsets(chunks) == [3, 4, 9, 10]


def test_the_time_of_appending_is_the_timestamp_where_kafka_sets_it() -> None:
    late = encode_batch([sent(event(DAY_MS + 5), 0)], append_time_ms=4)
    on_time = encode_batch([sent(event(DAY_MS + 5), 0)], base_offset=1, append_time_ms=5)
    (chunk,), _ = read(late + on_time)
    assert (chunk.rejected_offsets.tolist(), chunk.kafka_offsets.tolist()) == ([0], [1])


def test_a_timestamp_is_the_batch_s_and_the_record_s_own_part() -> None:
    entries = [sent(event(1_000), 0, timestamp_delta_ms=-1), sent(event(1_000), 1, timestamp_delta_ms=0)]
    (chunk,), _ = read(encode_batch(entries, base_timestamp_ms=900), max_ahead_ms=100)
    assert (chunk.rejected_offsets.tolist(), chunk.kafka_offsets.tolist()) == ([0], [1])


@pytest.mark.parametrize("codec", CODECS)
def test_a_damaged_batch_is_refused_wherever_the_damage_is(codec: str) -> None:
    whole, damaged = events(0, 3), bytearray(events(3, 20, codec))
    for at in range(17, len(damaged), 11):
        damaged[at] ^= 0x10
        with pytest.raises(SmaError, match=r"^events: partition 3: the record batch at Kafka offset 3 is damaged"):
            read(whole + bytes(damaged))
        damaged[at] ^= 0x10


@pytest.mark.parametrize(("magic", "kind"), [(0, FastReaderUnavailable), (1, FastReaderUnavailable), (3, SmaError)])
def test_another_format_is_refused_and_an_older_one_left_to_another_reader(magic: int, kind: type[SmaError]) -> None:
    with pytest.raises(
        SmaError, match=rf"partition 3: the record batch at Kafka offset 7 has format {magic}"
    ) as raised:
        read(encode_batch([sent(event(1), 0)], 7, magic=magic))
    assert type(raised.value) is kind


def test_an_unknown_codec_is_left_to_another_reader() -> None:
    raw = bytearray(events(7, 3, "zstd"))
    raw[22] |= 5
    with pytest.raises(
        FastReaderUnavailable, match=r"3: the record batch at Kafka offset 7 is compressed with codec 5"
    ):
        read(events(0, 7) + encode_forged(bytes(raw)))


@pytest.mark.parametrize(
    "batch",
    [
        encode_batch([Entry(b"1", 0)], 7, count=2, last_delta=5),  # fewer than stated
        encode_batch([Entry(b"1", 0), Entry(b"1", 1)], 7, count=1),  # more
        encode_batch([Entry(b"1", 1), Entry(b"1", 1)], 7, last_delta=1),  # one offset twice
        encode_batch([Entry(b"1", 0), Entry(b"1", 3)], 7, last_delta=2),  # behind the last
        encode_batch([Entry(b"1", 0)], 7, records=encode_record(Entry(b"1", 0))[:-1]),
        encode_batch([Entry(b"1", 0)], 7, records=encode_record(Entry(b"1", 0)) + b"\0"),
        encode_batch([Entry(b"1", 0)], 7, count=2**30, last_delta=2**31 - 1),
        encode_batch([Entry(b"1", 0)], 7, records=b"\xff" * 40),
    ],
)
def test_records_that_are_not_as_the_header_states_are_refused(batch: bytes) -> None:
    with pytest.raises(SmaError, match=r"partition 3: the record batch at Kafka offset 7"):
        read(batch)


@pytest.mark.parametrize("count", [-1, 5])
def test_a_header_that_contradicts_itself_is_refused(count: int) -> None:
    with pytest.raises(SmaError, match="at Kafka offset 7 contradicts itself"):
        read(encode_batch([Entry(b"1", 0)], 7, count=count))


def test_bytes_that_are_not_of_the_codec_are_refused() -> None:
    raw = bytearray(events(0, 50, "gzip"))
    raw[61:63] = b"xx"
    forged = encode_forged(bytes(raw))
    with pytest.raises(SmaError, match="at Kafka offset 0 cannot be decompressed"):
        read(forged, limits=ReadLimits(batch_bytes=2**24))


def encode_forged(raw: bytes) -> bytes:
    """The same batch with a checksum that is right for its bytes."""
    return raw[:17] + google_crc32c.value(raw[21:]).to_bytes(4, "big") + raw[21:]


def test_chunks_are_bounded_in_records_and_bytes() -> None:
    raw = b"".join(events(base, 10) for base in range(0, 100, 10))
    chunks, _ = read(raw, limits=ReadLimits(chunk_records=25))
    assert [chunk.records for chunk in chunks] == [20, 20, 20, 20, 20]
    assert [chunk.next_offset for chunk in chunks] == [20, 40, 60, 80, 100]
    raw = b"".join(events(base, 10, "lz4") for base in range(0, 100, 10)) + events(100, 200, "lz4")
    chunks, _ = read(raw, limits=ReadLimits(chunk_records=10**6, chunk_bytes=2_000))
    assert offsets(chunks) == list(range(300))
    assert len(chunks) > 4


def test_chunks_stay_as_small_after_a_batch_that_is_larger() -> None:
    raw = events(0, 200) + b"".join(events(base, 10) for base in range(200, 300, 10))
    chunks, _ = read(raw, limits=ReadLimits(chunk_bytes=2_000))
    assert [chunk.records for chunk in chunks] == [200, 20, 20, 20, 20, 20]


def test_what_is_beyond_ascii_is_read_strictly_into_the_same_columns() -> None:
    raws = [event(0), '{"customer": "Ä", "metric": "m", "event_time": 1, "value": 2e0}'.encode(), b"x", event(3)]
    (chunk,), series = read(encode_batch([sent(raw, delta) for delta, raw in enumerate(raws)]))
    assert [series[number][0] for number in chunk.series_ids.tolist()] == ["c0", "Ä", "c0"]
    assert chunk.values_micros.tolist() == [500_000, 2_000_000, 3_500_000]
    assert chunk.kafka_offsets.tolist() == [0, 1, 3]
    assert read_record(None, b"x", NO_TIMESTAMP_MS, 0) == Rejected(chunk.reasons[0])


def test_chunks_series_and_arguments_can_be_sent_to_another_process() -> None:
    (chunk,), series = read(events(0, 3))
    again, table = pickle.loads(pickle.dumps((chunk, series)))  # noqa: S301
    assert again.kafka_offsets.tolist() == [0, 1, 2]
    assert table.number("c1", "m") == series.number("c1", "m")
    assert pickle.loads(pickle.dumps(Settings())).kafka_bootstrap  # noqa: S301


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(SmaError, match="6 to 5 is no range of Kafka offsets"):
        read(events(0, 1), 6, 5)
