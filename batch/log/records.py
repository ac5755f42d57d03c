"""Decodes the records of decompressed batches into columns: where each key and value is, its offset, its time.

Record headers are skipped. Keys and values are read in `flat_records` and `sma.event`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.log.compiled import compiled, inlined, load_byte

Bytes = npt.NDArray[np.uint8]
Int64s = npt.NDArray[np.int64]

# the columns of a table of batches, one row each
BEGIN, END, BASE_OFFSET, LAST_DELTA, TIMESTAMP_MS, IS_APPEND_TIME, COUNT = range(7)
BATCH_COLUMNS = 7
SHORTEST_RECORD_BYTES = 7

_CUT_OFF = -1


@dataclass(frozen=True, slots=True)
class Records:
    """The records of some batches; int64 columns of one length, by Kafka offset.

    key_starts, key_lengths: in the bytes that were decoded; a length of -1 is a record without a key.
    value_starts, value_lengths: likewise.
    timestamps_ms: -1 for a record without one.
    """

    kafka_offsets: Int64s
    timestamps_ms: Int64s
    key_starts: Int64s
    key_lengths: Int64s
    value_starts: Int64s
    value_lengths: Int64s


class MalformedBatch(ValueError):
    """The records of the batch at `row` of the table do not match its header."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


def decode_records(text: Bytes, batches: Int64s, start: int, end: int) -> Records:
    """Return the records at start <= Kafka offset < end.

    Args:
        text: the decompressed records of all batches; uint8.
        batches: int64, a row for each batch: the bytes BEGIN <= at < END of `text`, and the fields of its header.
        start: the first Kafka offset that is wanted.
        end: the first that is not.

    Raises:
        MalformedBatch: a record is cut off, out of order, or their number is not that of the header.
    """
    for row in np.flatnonzero(batches[:, COUNT] * SHORTEST_RECORD_BYTES > batches[:, END] - batches[:, BEGIN]):
        raise MalformedBatch(int(row))  # before memory is allocated for records that cannot be there
    columns = tuple(np.empty(int(batches[:, COUNT].sum()), np.int64) for _ in range(6))
    count = _decode(text, batches, start, end, *columns)
    if count < 0:
        raise MalformedBatch(-count - 1)
    return Records(*(column[:count] for column in columns))


@inlined
def _varint(at: int, end: int) -> tuple[int, int]:
    """Return a zigzag number of up to 64 bits at an address, and where it ends; _CUT_OFF if that is after the end."""
    bits = 0
    shift = 0
    while at < end and shift < 70:
        byte = load_byte(at)
        at += 1
        bits |= (byte & 0x7F) << shift
        if byte < 0x80:
            return ((bits >> 1) & 0x7FFF_FFFF_FFFF_FFFF) ^ -(bits & 1), at
        shift += 7
    return 0, _CUT_OFF


@inlined
def _skip_bytes(at: int, end: int) -> tuple[int, int, int]:
    """Return where length-prefixed bytes begin and end, and their length, -1 for none."""
    length, at = _varint(at, end)
    if at == _CUT_OFF or length < -1 or length > end - at:
        return at, _CUT_OFF, length
    return at, at + max(length, 0), length


@inlined
def _skip_headers(at: int, end: int) -> int:
    count, at = _varint(at, end)
    if at == _CUT_OFF or count < 0 or count > end - at:
        return _CUT_OFF
    for _ in range(2 * count):  # a name and a value each
        _, at, _ = _skip_bytes(at, end)
        if at == _CUT_OFF:
            return _CUT_OFF
    return at


@compiled(
    "int64(uint8[::1], int64[:, ::1], int64, int64, "
    "int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])"
)
def _decode(
    text: Bytes,
    batches: Int64s,
    start: int,
    end: int,
    offsets: Int64s,
    timestamps_ms: Int64s,
    key_starts: Int64s,
    key_lengths: Int64s,
    value_starts: Int64s,
    value_lengths: Int64s,
) -> int:
    """Fill the columns; return how many records were kept, or -1 less the row of the batch that is malformed."""
    base: Any = np.int64(text.ctypes.data)  # signed, as all that is added to it
    kept = 0
    for row in range(batches.shape[0]):
        at = base + batches[row, BEGIN]
        batch_end = base + batches[row, END]
        previous_delta = -1
        for _ in range(batches[row, COUNT]):
            length, at = _varint(at, batch_end)
            if at == _CUT_OFF or length < 1 or length > batch_end - at:
                return -row - 1
            record_end = at + length
            timestamp_delta, at = _varint(at + 1, record_end)  # after the attributes, which have no meaning
            if at == _CUT_OFF:
                return -row - 1
            delta, at = _varint(at, record_end)
            if at == _CUT_OFF or delta <= previous_delta or delta > batches[row, LAST_DELTA]:
                return -row - 1
            previous_delta = delta
            key_start, at, key_length = _skip_bytes(at, record_end)
            if at == _CUT_OFF:
                return -row - 1
            value_start, at, value_length = _skip_bytes(at, record_end)
            if at == _CUT_OFF or _skip_headers(at, record_end) != record_end:
                return -row - 1
            at = record_end
            offset = batches[row, BASE_OFFSET] + delta
            if start <= offset < end:
                offsets[kept] = offset
                timestamps_ms[kept] = batches[row, TIMESTAMP_MS]
                if batches[row, IS_APPEND_TIME] == 0:
                    timestamps_ms[kept] += timestamp_delta
                key_starts[kept] = key_start - base
                key_lengths[kept] = key_length
                value_starts[kept] = value_start - base
                value_lengths[kept] = value_length
                kept += 1
        if at != batch_end:
            return -row - 1
    return kept
