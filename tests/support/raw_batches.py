"""Sends record batches as bytes of a test's choosing, past any producer and its limits; makes batches of many zeros."""

import zlib
from typing import Any

import cramjam
from kafka.protocol.producer import ProduceRequest, ProduceResponse

from clients.kafka.leaders import Leaders
from clients.kafka.wire import raise_for
from sma.settings import Settings
from tests.support.kafka_batches import Entry, encode_batch, varint
from tests.support.superuser import as_superuser

_VERSION = 7
_PIECE = bytes(1_000_000)


def send_batch(settings: Settings, topic: str, partition: int, batch: bytes) -> int:
    """Append one batch to a partition; return the Kafka offset of its first record."""
    asked: Any = ProduceRequest.TopicProduceData
    data = asked(name=topic, partition_data=[asked.PartitionProduceData(index=partition, records=batch)])
    request: Any = ProduceRequest[_VERSION](transactional_id=None, acks=-1, timeout_ms=60_000, topic_data=[data])
    leaders = Leaders(as_superuser(settings), topic)
    answer = leaders.ask(partition, lambda wire: wire.ask(request, ProduceResponse))
    (answered,) = answer.responses[0].partition_responses
    raise_for(answered.error_code)
    return int(answered.base_offset)


def batch_of_zeros(count: int, length: int, codec: str) -> bytes:
    """Return a batch of records, each of a value of so many zeros, made without ever having the zeros.

    Args:
        count: of the records.
        length: of each value; a multiple of 1,000,000.
        codec: "gzip" or "zstd".
    """
    compressed = b"".join(_record_of_zeros(delta, length, codec) for delta in range(count))
    return encode_batch([Entry(None, delta) for delta in range(count)], 0, codec, compressed=compressed)


def _record_of_zeros(delta: int, length: int, codec: str) -> bytes:
    body = b"\0\0" + varint(delta) + varint(-1) + varint(length)
    begin = varint(len(body) + length + 1) + body
    pieces = length // len(_PIECE)
    if codec == "zstd":  # frames may follow one another, and the same frame may do so often
        piece = bytes(cramjam.zstd.compress(_PIECE))
        return bytes(cramjam.zstd.compress(begin)) + pieces * piece + bytes(cramjam.zstd.compress(b"\0"))
    compressing = zlib.compressobj(1, wbits=31)
    parts = [compressing.compress(part) for part in (begin, *(_PIECE for _ in range(pieces)), b"\0")]
    return b"".join((*parts, compressing.flush()))
