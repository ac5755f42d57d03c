"""The log reader once more, slowly, from Kafka's documentation and `sma.event`: the oracle of the fast one."""

import struct
from collections.abc import Callable
from io import BytesIO

import cramjam

from batch.log.reader import Chunk
from batch.log.series_table import SeriesTable
from sma.event import Event, Heartbeat, Rejected, read_record

Reading = Event | Heartbeat | Rejected

_LOWEST_63_BITS = 2**63 - 1
_XERIAL = b"\x82SNAPPY\0"


def readings(chunk: Chunk, series: SeriesTable) -> list[tuple[int, Reading]]:
    """What the fast reader's columns say, record by record, by Kafka offset."""
    found: list[tuple[int, Reading]] = []
    columns = (chunk.kafka_offsets, chunk.series_ids, chunk.event_times_ms, chunk.log_times_ms, chunk.values_micros)
    for offset, series_id, *rest in zip(*(column.tolist() for column in columns), strict=True):
        found.append((offset, Event(*series[series_id], *rest)))
    heartbeats = zip(chunk.heartbeat_offsets.tolist(), chunk.heartbeat_times_ms.tolist(), strict=True)
    found += [(offset, Heartbeat(time_ms)) for offset, time_ms in heartbeats]
    rejected = zip(chunk.rejected_offsets.tolist(), chunk.reasons, strict=True)
    found += [(offset, Rejected(reason)) for offset, reason in rejected]
    assert chunk.records == len(found)
    return sorted(found, key=lambda each: each[0])


class Contradiction(ValueError):
    """A batch does not hold what its header states."""


def read_batch(raw: bytes, start: int, end: int, max_ahead_ms: int) -> list[tuple[int, Reading]]:
    """What stands in one batch at start <= Kafka offset < end, if it is whole and its checksum right."""
    base_offset, _, _, _, _, attributes, last_delta, base_timestamp, max_timestamp, _, _, _, count = struct.unpack_from(
        ">qiibIhiqqqhii", raw
    )
    if base_offset < 0 or last_delta < 0 or not 0 <= count <= last_delta + 1:
        raise Contradiction("header")
    if attributes & 0x20 or base_offset + last_delta < start or base_offset >= end or not count:
        return []
    plain = BytesIO(decompress(attributes & 7, raw[61:]))
    found = []
    last = -1
    for _ in range(count):
        delta, timestamp_delta, key, value = read_entry(plain)
        if not last < delta <= last_delta:
            raise Contradiction("offset")
        last = delta
        timestamp = max_timestamp if attributes & 8 else wrapped(base_timestamp + timestamp_delta)
        if start <= base_offset + delta < end:
            found.append((base_offset + delta, read_record(key, value, timestamp, max_ahead_ms)))
    if plain.read(1):
        raise Contradiction("more than stated")
    return found


def read_entry(plain: BytesIO) -> tuple[int, int, bytes | None, bytes | None]:
    """Offset delta, timestamp delta, key, value."""
    record = BytesIO(exactly(plain, varint(plain)))
    exactly(record, 1)
    timestamp_delta, delta = varint(record), varint(record)
    key, value = sized(record), sized(record)
    header_count = varint(record)
    if header_count < 0:
        raise Contradiction("headers")
    for _ in range(2 * header_count):
        sized(record)
    if record.read(1):
        raise Contradiction("a longer record than stated")
    return delta, timestamp_delta, key, value


def sized(record: BytesIO) -> bytes | None:
    length = varint(record)
    return None if length == -1 else exactly(record, length)


def exactly(source: BytesIO, length: int) -> bytes:
    if not 0 <= length <= len(source.getbuffer()):
        raise Contradiction("length")
    found = source.read(length)
    if len(found) < length:
        raise Contradiction("cut off")
    return found


def varint(source: BytesIO) -> int:
    bits = 0
    for place in range(10):
        (byte,) = exactly(source, 1)
        bits |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return (bits >> 1 & _LOWEST_63_BITS) ^ -(bits & 1)
    raise Contradiction("more than 64 bits")


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def decompress(codec: int, compressed: bytes) -> bytes:
    try:
        return _CODECS[codec](compressed)
    except (KeyError, cramjam.DecompressionError) as error:
        raise Contradiction(f"codec {codec}") from error


def _snappy(compressed: bytes) -> bytes:
    if not compressed.startswith(_XERIAL):
        return bytes(cramjam.snappy.decompress_raw(compressed))
    blocks = BytesIO(compressed[16:])
    plain = b""
    while length := blocks.read(4):
        plain += bytes(cramjam.snappy.decompress_raw(exactly(blocks, int.from_bytes(length, "big"))))
    return plain


_CODECS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda compressed: bytes(cramjam.gzip.decompress(compressed)),
    2: _snappy,
    3: lambda compressed: bytes(cramjam.lz4.decompress(compressed)),
    4: lambda compressed: bytes(cramjam.zstd.decompress(compressed)),
}
