"""Record batches as bytes, built by hand from Kafka's documentation, so not by what is tested with them."""

import gzip
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import cramjam
import google_crc32c

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "snappy-java": 2, "lz4": 3, "zstd": 4}


@dataclass(frozen=True)
class Entry:
    """One record of a batch; its offset counts from the batch's first."""

    value: bytes | None
    delta: int
    timestamp_delta_ms: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[bytes, bytes | None]] = field(default_factory=tuple)


def key_of(value: bytes | None) -> bytes | None:
    """The key under which a producer sends an event: its names; None for what has none."""
    try:
        fields = json.loads(value or b"")
        return f"{fields['customer']}/{fields['metric']}".encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def sent(value: bytes | None, delta: int, timestamp_delta_ms: int = 0) -> Entry:
    """A record as a producer sends it."""
    return Entry(value, delta, timestamp_delta_ms, key_of(value))


def varint(number: int) -> bytes:
    bits = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while bits > 0x7F:
        encoded.append(bits & 0x7F | 0x80)
        bits >>= 7
    return bytes([*encoded, bits])


def sized(raw: bytes | None) -> bytes:
    return varint(-1) if raw is None else varint(len(raw)) + raw


def encode_record(entry: Entry) -> bytes:
    body = b"\0" + varint(entry.timestamp_delta_ms) + varint(entry.delta) + sized(entry.key) + sized(entry.value)
    body += varint(len(entry.headers)) + b"".join(sized(name) + sized(value) for name, value in entry.headers)
    return varint(len(body)) + body


def encode_batch(
    entries: Sequence[Entry],
    base_offset: int = 0,
    codec: str = "none",
    *,
    base_timestamp_ms: int = 0,
    last_delta: int | None = None,
    append_time_ms: int | None = None,
    producer_id: int = -1,
    is_transactional: bool = False,
    is_control: bool = False,
    count: int | None = None,
    records: bytes | None = None,
    compressed: bytes | None = None,
    magic: int = 2,
) -> bytes:
    """A batch of these records.

    `last_delta`, `count`, `records` (plain) and `compressed` (which is sent) are what the entries say, unless given.
    """
    plain = b"".join(map(encode_record, entries)) if records is None else records
    attributes = CODECS[codec] | (append_time_ms is not None) << 3 | is_transactional << 4 | is_control << 5
    checked = struct.pack(
        ">hiqqqhii",
        attributes,
        (entries[-1].delta if entries else 0) if last_delta is None else last_delta,
        base_timestamp_ms,
        append_time_ms or 0,
        producer_id,
        0,
        0,
        len(entries) if count is None else count,
    ) + (compress(codec, plain) if compressed is None else compressed)
    rest = struct.pack(">ibI", 7, magic, google_crc32c.value(checked)) + checked
    return struct.pack(">qi", base_offset, len(rest)) + rest


def compress(codec: str, plain: bytes) -> bytes:
    if codec == "gzip":
        return gzip.compress(plain)
    if codec == "snappy":
        return bytes(cramjam.snappy.compress_raw(plain))
    if codec == "snappy-java":
        blocks = [bytes(cramjam.snappy.compress_raw(plain[at : at + 100])) for at in range(0, len(plain), 100)]
        framed = b"".join(struct.pack(">i", len(block)) + block for block in blocks)
        return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + framed
    if codec == "lz4":
        return bytes(cramjam.lz4.compress(plain))
    if codec == "zstd":
        return bytes(cramjam.zstd.compress(plain))
    return plain


def control_batch(base_offset: int, producer_id: int, *, is_commit: bool) -> bytes:
    """The mark that ends a transaction."""
    mark = Entry(struct.pack(">hi", 0, 0), 0, key=struct.pack(">hh", 0, is_commit))
    return encode_batch([mark], base_offset, producer_id=producer_id, is_transactional=True, is_control=True)


def encode_old_message(value: bytes, offset: int, timestamp_ms: int) -> bytes:
    """One message of format 1, as Kafka before 0.11 kept it, under the key of its event."""
    key = key_of(value) or b""
    checked = struct.pack(">bbqi", 1, 0, timestamp_ms, len(key)) + key + struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", offset, 4 + len(checked), zlib.crc32(checked)) + checked


def event(number: int) -> bytes:
    return b'{"customer": "c%d", "metric": "m", "event_time": %d, "value": "%d.5"}' % (number % 3, number, number)


def events(base_offset: int, count: int, codec: str = "none", **others: object) -> bytes:
    """A batch of `count` events, whose time is their Kafka offset."""
    entries = [sent(event(base_offset + delta), delta) for delta in range(count)]
    return encode_batch(entries, base_offset, codec, **others)  # type: ignore[arg-type]
