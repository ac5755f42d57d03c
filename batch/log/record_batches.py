"""Splits Kafka's record batches (format v2), and checks them for damage.

Which of them are committed is in `clients.kafka.batches`; the records inside are decoded in `records`, decompressed in
`codecs`.
Source: Kafka's documentation, "Record Batch".
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import google_crc32c
import numpy as np

from batch.log.unreadable import FastReaderUnavailable
from sma.errors import SmaError

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">qi")  # the offset and the length at the start of all formats
_MAGIC_AT = 16
_CHECKED_FROM = 21  # the checksum is of all bytes after it
_SHORTEST = _HEADER.size - _LENGTH.size
_MAGIC = 2
_CODEC_BITS = 0x07
_LOG_APPEND_TIME_BIT = 0x08
_TRANSACTIONAL_BIT = 0x10
_CONTROL_BIT = 0x20


class RecordBatch(NamedTuple):
    """A batch by its header; `records` is as received, compressed or not.

    base_offset, last_offset: Kafka offsets; compaction leaves both as they were.
    base_timestamp_ms: the base of the records' own deltas.
    append_time_ms: the one timestamp of all records where Kafka sets it (LogAppendTime), else None.
    """

    base_offset: int
    last_offset: int
    base_timestamp_ms: int
    append_time_ms: int | None
    record_count: int
    codec: int
    producer_id: int
    is_transactional: bool
    is_control: bool
    records: memoryview


def end_of_batches(raw: bytes | memoryview, where: str) -> int:
    """Return the Kafka offset after the last whole batch, by its header alone.

    Args:
        raw: the bytes of one fetch: at least one whole batch; the last may be cut off.
        where: topic and partition, for the error.

    Raises:
        FastReaderUnavailable: one is of an older format.
        SmaError: there is no whole batch of the format.
    """
    at, last = 0, -1
    for begin, end in _whole(raw, where):
        at = end
        base_offset, _, _, _, _, _, last_delta = struct.unpack_from(">qiibIhi", raw, begin)
        last = base_offset + last_delta
    if not at:
        raise SmaError(f"{where}: Kafka sent {len(raw)} bytes that hold no whole record batch")
    return last + 1


def split_batches(raw: bytes | memoryview, where: str) -> Iterator[RecordBatch]:
    """Yield the whole batches, each with its checksum (CRC-32C) verified.

    Args:
        raw: the bytes of one fetch; a batch that is cut off at its end is left out.
        where: topic and partition, for the error.

    Raises:
        FastReaderUnavailable: one is of an older format; names its Kafka offset.
        SmaError: one is damaged; names its Kafka offset.
    """
    last_offset = -1
    for begin, end in _whole(raw, where):
        (
            base_offset,
            _,
            _,
            _,
            checksum,
            attributes,
            last_delta,
            base_timestamp_ms,
            max_timestamp_ms,
            producer_id,
            _,
            _,
            count,
        ) = _HEADER.unpack_from(raw, begin)
        checked = memoryview(raw)[begin + _CHECKED_FROM : end]
        if google_crc32c.value(np.frombuffer(checked, np.uint8)) != checksum:
            raise SmaError(f"{where}: the record batch at Kafka offset {base_offset} is damaged: its checksum is wrong")
        if base_offset <= last_offset or last_delta < 0 or not 0 <= count <= last_delta + 1:
            raise SmaError(f"{where}: the record batch at Kafka offset {base_offset} contradicts itself")
        last_offset = base_offset + last_delta
        yield RecordBatch(
            base_offset=base_offset,
            last_offset=last_offset,
            base_timestamp_ms=base_timestamp_ms,
            append_time_ms=max_timestamp_ms if attributes & _LOG_APPEND_TIME_BIT else None,
            record_count=count,
            codec=attributes & _CODEC_BITS,
            producer_id=producer_id,
            is_transactional=bool(attributes & _TRANSACTIONAL_BIT),
            is_control=bool(attributes & _CONTROL_BIT),
            records=checked[_HEADER.size - _CHECKED_FROM :],
        )


def _whole(raw: bytes | memoryview, where: str) -> Iterator[tuple[int, int]]:
    """Yield where each whole batch begins and ends."""
    at = 0
    while at + _MAGIC_AT < len(raw):
        base_offset, length = _LENGTH.unpack_from(raw, at)
        if raw[at + _MAGIC_AT] != _MAGIC:
            kind = FastReaderUnavailable if raw[at + _MAGIC_AT] < _MAGIC else SmaError
            raise kind(
                f"{where}: the record batch at Kafka offset {base_offset} has format {raw[at + _MAGIC_AT]}, and only "
                f"{_MAGIC} can be read: Kafka before 0.11 wrote it, or it is damaged"
            )
        if length < _SHORTEST:
            raise SmaError(f"{where}: the record batch at Kafka offset {base_offset} is damaged: {length} bytes long")
        end = at + _LENGTH.size + length
        if end > len(raw):
            return
        yield at, end
        at = end
