"""Records that are too long to be read: rejected by both readers alike, at a bounded cost of memory."""

import subprocess
import sys

import pytest

from batch.log.abridged_batches import abridge, encode_varint
from batch.log.broker import Fetched
from batch.log.chunk import Chunk
from batch.log.client_reader import Record, chunk_of
from batch.log.fast_reader import Fetch, read_partition
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from sma.errors import SmaError
from sma.limits import MAX_RECORD_BYTES
from sma.settings import CHECKOUT, Settings
from tests.support.kafka_batches import Entry, compress, encode_batch, encode_record, event, key_of, sent, varint

DAY_MS = 86_400_000
TOO_LONG = f"longer than {MAX_RECORD_BYTES} bytes"
AS_LONG_AS_ALLOWED = event(2)[:-1].ljust(MAX_RECORD_BYTES - 1) + b"}"
TOO_LONG_EVENT = event(3)[:-1].ljust(MAX_RECORD_BYTES) + b"}"
ENTRIES = [
    sent(event(1), 0),
    sent(AS_LONG_AS_ALLOWED, 1),
    sent(TOO_LONG_EVENT, 2),
    Entry(bytes(5 * MAX_RECORD_BYTES), 3, key=b"k"),
    Entry(event(4), 4, key=bytes(MAX_RECORD_BYTES + 1)),
    Entry(event(5), 5, key=key_of(event(5)), headers=[(b"h", bytes(2 * MAX_RECORD_BYTES)), (b"", None)]),
    Entry(None, 6, key=key_of(event(6))),
    sent(event(7), 9),
]
STREAMED = ["gzip", "lz4", "zstd"]
WHOLE, IN_PIECES = LIMITS, ReadLimits(whole_batch_bytes=2**12, chunk_bytes=2**12)


def read_fast(raw: bytes, limits: ReadLimits, end: int = 10**6) -> Chunk:
    fetch: Fetch = lambda *_: iter([Fetched(raw, ())])  # noqa: E731
    (chunk,) = read_partition(Settings(), "events", 3, 0, end, DAY_MS, SeriesTable(), limits, fetch)
    return chunk


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "snappy-java", "lz4", "zstd"])
@pytest.mark.parametrize("limits", [WHOLE, IN_PIECES])
def test_what_is_too_long_is_rejected_and_all_else_is_read(codec: str, limits: ReadLimits) -> None:
    chunk = read_fast(encode_batch(ENTRIES, 100, codec), limits)
    assert chunk.kafka_offsets.tolist() == [100, 101, 105, 109]
    assert chunk.event_times_ms.tolist() == [1, 2, 5, 7]
    assert dict(zip(chunk.rejected_offsets.tolist(), chunk.reasons, strict=True)) == {
        102: TOO_LONG,
        103: TOO_LONG,
        104: f"key: {TOO_LONG}",
        106: "not UTF-8 JSON",
    }


def test_the_client_reader_rejects_the_same() -> None:
    records = [Record(100 + entry.delta, 0, entry.key, entry.value) for entry in ENTRIES]
    chunk, fast = chunk_of(records, 110, DAY_MS, SeriesTable()), read_fast(encode_batch(ENTRIES, 100), WHOLE)
    assert (chunk.rejected_offsets.tolist(), chunk.reasons) == (fast.rejected_offsets.tolist(), fast.reasons)
    assert chunk.kafka_offsets.tolist() == fast.kafka_offsets.tolist()


def test_a_range_that_ends_within_a_batch_ends_there_too() -> None:
    chunk = read_fast(encode_batch(ENTRIES, 100, "zstd"), IN_PIECES, end=103)
    assert (chunk.kafka_offsets.tolist(), chunk.rejected_offsets.tolist()) == ([100, 101], [102])


@pytest.mark.parametrize("codec", STREAMED)
@pytest.mark.parametrize(
    "plain",
    [
        b"".join(map(encode_record, ENTRIES))[:-3],
        b"".join(map(encode_record, ENTRIES)) + b"\0",
        varint(3 * MAX_RECORD_BYTES) + encode_record(ENTRIES[3])[4:],
        varint(2 * MAX_RECORD_BYTES) + b"\0\0\0" + varint(2**40) + bytes(2 * MAX_RECORD_BYTES),
        varint(2 * MAX_RECORD_BYTES) + b"\0\0\0\1\1" + varint(2**40) + bytes(2 * MAX_RECORD_BYTES),
        varint(-5) + bytes(2 * MAX_RECORD_BYTES),
    ],
    ids=["too few bytes", "too many bytes", "record too long", "key too long", "value too long", "negative length"],
)
def test_records_that_are_not_as_stated_are_damage(codec: str, plain: bytes) -> None:
    raw = encode_batch(ENTRIES, 100, codec, records=plain)
    with pytest.raises(SmaError, match=r"at Kafka offset 100 .*it is damaged"):
        read_fast(raw, IN_PIECES)


@pytest.mark.parametrize("codec", STREAMED)
def test_bytes_that_are_not_of_their_codec_are_named(codec: str) -> None:
    raw = encode_batch(ENTRIES, 100, codec, compressed=b"rubbish" * 1_000)
    with pytest.raises(SmaError, match="at Kafka offset 100 cannot be decompressed"):
        read_fast(raw, IN_PIECES)


def test_what_is_not_too_long_is_kept_up_to_the_limit_of_a_batch() -> None:
    many = [Entry(bytes(1_000), delta) for delta in range(100)]
    with pytest.raises(SmaError, match="cannot be decompressed into 65536 bytes: too large"):
        read_fast(
            encode_batch(many, 100, "zstd"), ReadLimits(whole_batch_bytes=2**12, chunk_bytes=2**12, batch_bytes=2**16)
        )


@pytest.mark.parametrize("number", [0, -1, 1, 63, 64, -64, -65, 2**31, 2**63 - 1, -(2**63)])
def test_numbers_are_encoded_as_kafka_does(number: int) -> None:
    assert encode_varint(number) == varint(number)


@pytest.mark.parametrize(("codec", "length"), [("gzip", "300000000"), ("zstd", "2000000000")])
def test_a_batch_of_up_to_two_gigabytes_takes_a_few_megabytes(codec: str, length: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _MANY_ZEROS, codec, length], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    reasons, grown_bytes = ran.stdout.split("|")
    assert reasons == TOO_LONG
    assert int(grown_bytes) < 100 * 2**20


_MANY_ZEROS = """if True:
    import resource
    import sys
    from tests.support.raw_batches import batch_of_zeros
    from tests.unit.test_batch_long_records import read_fast, WHOLE, encode_batch, event, sent
    read_fast(encode_batch([sent(event(1), 0)], 0, "zstd"), WHOLE)
    raw = batch_of_zeros(1, int(sys.argv[2]), sys.argv[1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunk = read_fast(raw, WHOLE)
    grown_bytes = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(*chunk.reasons, sep=",", end=f"|{grown_bytes}")
"""


def test_a_batch_without_records_has_none() -> None:
    assert abridge(4, compress("zstd", b""), 0, 10).records == b""
