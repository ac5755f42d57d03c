"""Decompresses a record batch piece by piece, and leaves out keys, values and headers that are too long to be read.

A megabyte of compressed bytes may be of gigabytes, which are never in memory here. Batches of an ordinary size are
decompressed whole, in `decompressed_batches`, which is faster.
"""

from collections.abc import Callable
from dataclasses import dataclass

from batch.log.codecs import NotDecompressed, open_stream
from sma.event import too_long
from sma.limits import MAX_RECORD_BYTES

_PIECE_BYTES = 2**20
_NONE = b"\x01"  # the length -1
_NO_HEADERS = b"\x00"


class NotAsStated(ValueError):
    """The records are cut off, or not as many as the batch's header states."""


@dataclass(frozen=True, slots=True)
class AbridgedBatch:
    """The records of a batch, encoded as Kafka does.

    `reasons` is why a record is rejected, by its offset less the batch's first: its key and value are left out.
    """

    records: bytearray
    reasons: dict[int, str]


def abridge(codec: int, compressed: bytes | memoryview, record_count: int, limit_bytes: int) -> AbridgedBatch:
    """Return the records of a batch without what is too long.

    Args:
        codec: as in the batch's attributes; one that `open_stream` knows.
        compressed: the bytes after the batch's header.
        record_count: as its header states.
        limit_bytes: of what remains.

    Raises:
        NotDecompressed: the bytes are not of that codec, or more remains.
        NotAsStated: the records are not those that the header states.
    """
    pieces = _Pieces(open_stream(codec, compressed))
    records, reasons = bytearray(), dict[int, str]()
    for _ in range(record_count):
        length = pieces.varint()
        body = pieces.take(length) if length <= MAX_RECORD_BYTES else _abridge_record(pieces, length, reasons)
        records += encode_varint(len(body)) + body
        if len(records) > limit_bytes:
            raise NotDecompressed("too large")
    if not pieces.at_end():
        raise NotAsStated
    return AbridgedBatch(records, reasons)


def _abridge_record(pieces: "_Pieces", length: int, reasons: dict[int, str]) -> bytes:
    end = pieces.position + length
    attributes, timestamp_delta, delta = pieces.take(1), pieces.varint(), pieces.varint()
    key_length, key = _bounded(pieces, end)
    value_length, value = _bounded(pieces, end)
    _skip_headers(pieces, end)
    if (reason := too_long(key_length, value_length)) is not None:
        reasons[delta] = reason
        key = value = _NONE
    return attributes + encode_varint(timestamp_delta) + encode_varint(delta) + key + value + _NO_HEADERS


def _bounded(pieces: "_Pieces", end: int) -> tuple[int, bytes]:
    """Return the length of a key or a value, and its encoding, unless it is too long."""
    length = pieces.varint()
    if not -1 <= length <= end - pieces.position:
        raise NotAsStated
    if length > MAX_RECORD_BYTES:
        pieces.skip(length)
        return length, _NONE
    return length, encode_varint(length) + pieces.take(max(length, 0))


def _skip_headers(pieces: "_Pieces", end: int) -> None:
    count = pieces.varint()
    if not 0 <= count <= end - pieces.position:
        raise NotAsStated
    for _ in range(2 * count):  # a name and a value each
        length = pieces.varint()
        if not -1 <= length <= end - pieces.position:
            raise NotAsStated
        pieces.skip(max(length, 0))
    if pieces.position != end:
        raise NotAsStated


class _Pieces:
    """Decompressed bytes, one piece in memory at a time; methods raise `NotAsStated` where they end too soon."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._piece = b""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """How many bytes have been taken or skipped."""
        return self._before + self._at

    def at_end(self) -> bool:
        """Return whether there are no more."""
        return self._at == len(self._piece) and not self._next()

    def varint(self) -> int:
        """Take a zigzag number of up to 64 bits."""
        bits = shift = 0
        while shift < 70:
            if self.at_end():
                raise NotAsStated
            byte = self._piece[self._at]
            self._at += 1
            bits |= (byte & 0x7F) << shift
            if byte < 0x80:
                return ((bits >> 1) & 0x7FFF_FFFF_FFFF_FFFF) ^ -(bits & 1)
            shift += 7
        raise NotAsStated

    def take(self, count: int) -> bytes:
        """Take so many bytes, which fit into memory."""
        if count < 0:
            raise NotAsStated
        taken = self._piece[self._at : self._at + count]
        self._at += len(taken)
        parts = [taken]
        while (left := count - sum(map(len, parts))) > 0:
            if self.at_end():
                raise NotAsStated
            parts.append(self._piece[self._at : self._at + left])
            self._at += len(parts[-1])
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Leave out so many bytes."""
        while count > 0:
            if self.at_end():
                raise NotAsStated
            skipped = min(count, len(self._piece) - self._at)
            self._at += skipped
            count -= skipped

    def _next(self) -> bool:
        self._before += len(self._piece)
        self._piece, self._at = self._read(_PIECE_BYTES), 0
        return bool(self._piece)


def encode_varint(number: int) -> bytes:
    """Return a number as Kafka writes it in a record: zigzag, seven bits a byte."""
    bits = ((number << 1) ^ (number >> 63)) & 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while bits > 0x7F:
        encoded.append(bits & 0x7F | 0x80)
        bits >>= 7
    encoded.append(bits)
    return bytes(encoded)
