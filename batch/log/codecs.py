"""Decompresses record batches, for each of Kafka's codecs, into memory of the caller."""

from collections.abc import Callable
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_decompress_snappy: Any = cramjam.snappy.decompress_raw_into  # it accepts arrays, though its types do not say so

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_LENGTH_BYTES = 4

STREAMED = {1: "gzip", 3: "lz4", 4: "zstd"}
"""The codecs whose bytes can be hundreds and thousands of times as many when decompressed; of snappy, twenty times."""


class NotDecompressed(ValueError):
    """The bytes are not of that codec, or the memory is too small for their content."""


class UnknownCodec(NotDecompressed):
    """There is no such codec here."""


def decompress_into(codec: int, compressed: bytes | memoryview, memory: Bytes) -> int:
    """Decompress the records of one batch; return how many bytes they are.

    Args:
        codec: as in a batch's attributes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        compressed: the bytes after the batch's header.
        memory: receives the decompressed bytes, from its beginning; uint8, one-dimensional.

    Raises:
        UnknownCodec: there is no such codec here.
        NotDecompressed: those bytes are not of it, or they do not fit.
    """
    try:
        return _CODECS[codec](compressed, memory)
    except KeyError:
        raise UnknownCodec(f"codec {codec} is unknown") from None
    except cramjam.DecompressionError as error:
        raise NotDecompressed(str(error)) from error


def open_stream(codec: int, compressed: bytes | memoryview) -> Callable[[int], bytes]:
    """Return a function that decompresses the next bytes, at most as many as it is asked for; none at the end.

    Args:
        codec: one of `STREAMED`.
        compressed: the bytes after the batch's header.
    """
    import pyarrow as pa  # noqa: PLC0415 - a third of a second, which hardly any batch needs

    def read(count: int) -> bytes:
        try:
            return bytes(stream.read(count))
        except OSError as error:
            raise NotDecompressed(str(error)) from error

    stream = pa.CompressedInputStream(pa.BufferReader(compressed), STREAMED[codec])
    return read


def _none(uncompressed: bytes | memoryview, memory: Bytes) -> int:
    if len(uncompressed) > len(memory):
        raise NotDecompressed("too large")
    memory[: len(uncompressed)] = np.frombuffer(uncompressed, np.uint8)
    return len(uncompressed)


def _snappy(compressed: bytes | memoryview, memory: Bytes) -> int:
    """Decompress one block, as librdkafka sends it, or the blocks of snappy-java's own framing, as Java sends it."""
    if bytes(compressed[: len(_XERIAL_MAGIC)]) != _XERIAL_MAGIC:
        return int(_decompress_snappy(compressed, memory))
    at, filled = _XERIAL_HEADER_BYTES, 0
    while at < len(compressed):
        block = at + _LENGTH_BYTES
        at = block + int.from_bytes(compressed[at:block], "big")
        if at > len(compressed):
            raise NotDecompressed("a snappy block is cut off")
        filled += int(_decompress_snappy(compressed[block:at], memory[filled:]))
    return filled


def _framed(decompress: Callable[[Any, Any], int]) -> Callable[[bytes | memoryview, Bytes], int]:
    return lambda compressed, memory: int(decompress(compressed, memory))


_CODECS: dict[int, Callable[[bytes | memoryview, Bytes], int]] = {
    0: _none,
    1: _framed(cramjam.gzip.decompress_into),
    2: _snappy,
    3: _framed(cramjam.lz4.decompress_into),
    4: _framed(cramjam.zstd.decompress_into),
}
