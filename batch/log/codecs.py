"""Decompresses record batches, for each codec of Kafka's, into memory that the caller gives."""

from collections.abc import Callable
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_decompress_snappy: Any = cramjam.snappy.decompress_raw_into  # its types know no arrays, and it takes them

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_LENGTH_BYTES = 4


class NotDecompressed(ValueError):
    """The bytes are not of that codec, or the memory given is too small for what they hold."""


class UnknownCodec(NotDecompressed):
    """There is no such codec here."""


def decompress_into(codec: int, compressed: bytes | memoryview, room: Bytes) -> int:
    """Decompress the records of one batch; return how many bytes they are.

    Args:
        codec: as in a batch's attributes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        compressed: what stands behind the batch's header.
        room: where the plain bytes go, from its beginning; uint8, one-dimensional.

    Raises:
        UnknownCodec: there is no such codec here.
        NotDecompressed: those bytes are not of it, or they do not fit.
    """
    try:
        return _CODECS[codec](compressed, room)
    except KeyError:
        raise UnknownCodec(f"codec {codec} is unknown") from None
    except cramjam.DecompressionError as error:
        raise NotDecompressed(str(error)) from error


def _none(plain: bytes | memoryview, room: Bytes) -> int:
    if len(plain) > len(room):
        raise NotDecompressed("too large")
    room[: len(plain)] = np.frombuffer(plain, np.uint8)
    return len(plain)


def _snappy(compressed: bytes | memoryview, room: Bytes) -> int:
    """Decompress one block, as librdkafka sends it, or the blocks of snappy-java's own framing, as Java sends it."""
    if bytes(compressed[: len(_XERIAL_MAGIC)]) != _XERIAL_MAGIC:
        return int(_decompress_snappy(compressed, room))
    at, filled = _XERIAL_HEADER_BYTES, 0
    while at < len(compressed):
        block = at + _LENGTH_BYTES
        at = block + int.from_bytes(compressed[at:block], "big")
        if at > len(compressed):
            raise NotDecompressed("a snappy block is cut off")
        filled += int(_decompress_snappy(compressed[block:at], room[filled:]))
    return filled


def _framed(decompress: Callable[[Any, Any], int]) -> Callable[[bytes | memoryview, Bytes], int]:
    return lambda compressed, room: int(decompress(compressed, room))


_CODECS: dict[int, Callable[[bytes | memoryview, Bytes], int]] = {
    0: _none,
    1: _framed(cramjam.gzip.decompress_into),
    2: _snappy,
    3: _framed(cramjam.lz4.decompress_into),
    4: _framed(cramjam.zstd.decompress_into),
}
