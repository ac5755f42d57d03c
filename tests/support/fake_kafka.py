"""A Kafka of one broker and one partition, whose log is whatever record batches a test puts there.

It knows the requests that a consumer of one partition makes, in the versions of Kafka 2.3.
"""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from struct import Struct, unpack_from
from typing import Any

from kafka.protocol.consumer import FetchResponse, ListOffsetsResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse

from tests.support.fake_broker import HERE, framed, versions_answer

TOPIC = "events"
PRODUCE, FETCH, LIST_OFFSETS, METADATA, COORDINATOR, VERSIONS = 0, 1, 2, 3, 10, 18
NOT_RETAINED, UNKNOWN_TOPIC = 1, 3
_HEAD = Struct(">hhi")
_NO_RACK = bytes(2)
_PARTITION = Struct(">iiqqi")


@dataclass
class Log:
    """Record batches by Kafka offset; `aborted`: producer, first offset and the mark's offset of each transaction.

    `over_quota`: how many fetches are answered with nothing but the time to wait. `pauses_s`: how long after the answer
    to a fetch the next one came. `nodes`: where other brokers are, by number; `preferred_replica`: to which of them a
    reader with a rack is sent. `connections`: how many were made.
    """

    batches: Sequence[bytes]
    aborted: Sequence[tuple[int, int, int]] = ()
    start: int = 0
    fetched_batches: int = 3  # at once
    fetch_versions: tuple[int, int] = (0, 11)
    throttle_time_ms: int = 0
    over_quota: int = 0
    offsets_asked: list[int] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)
    answered_at: float | None = None
    nodes: dict[int, tuple[str, int]] = field(default_factory=dict)
    preferred_replica: int = -1
    connections: int = 0

    @property
    def end(self) -> int:
        """The offset behind the last batch."""
        return last_offset(self.batches[-1]) + 1 if self.batches else self.start


def last_offset(batch: bytes) -> int:
    """The last offset of a batch, whether or not a record is there; a message of an older format is alone."""
    (first,) = unpack_from(">q", batch)
    return int(first + (unpack_from(">i", batch, 23)[0] if batch[16] >= 2 else 0))


@contextmanager
def kafka_with(log: Log) -> Iterator[str]:
    """The address of a Kafka with this log."""
    with socket.create_server((HERE, 0)) as server:
        threads = []
        connections = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    log.connections += 1
                    threads.append(threading.Thread(target=_serve, args=(connection, log, server.getsockname())))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"{HERE}:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _serve(connection: socket.socket, log: Log, address: tuple[str, int]) -> None:
    with connection, suppress(OSError):
        while size := connection.recv(4, socket.MSG_WAITALL):
            request = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
            key, version, correlation_id = _HEAD.unpack_from(request)
            client_bytes = int.from_bytes(request[8:10], "big", signed=True)
            answer = _answer(key, version, request[10 + max(client_bytes, 0) :], log, address)
            if answer is None:
                return  # as Kafka does where it does not know a request
            connection.sendall(framed(answer, correlation_id))


def _answer(key: int, version: int, body: bytes, log: Log, address: tuple[str, int]) -> bytes | None:
    if key == VERSIONS:
        # librdkafka takes a Kafka that it could not produce to in version 3 for an old one
        known = {PRODUCE: (0, 7), LIST_OFFSETS: (1, 2), COORDINATOR: (0, 2)}
        return versions_answer((0, 8), log.fetch_versions, known, error=0 if version == 0 else 35)[8:]
    if key == FETCH and log.fetch_versions[0] <= version <= log.fetch_versions[1]:
        return _fetch(version, body, log)
    if key == METADATA:
        return _metadata(version, body, {1: address, **log.nodes})
    if key == LIST_OFFSETS:
        return _offsets(version, log)
    if key == COORDINATOR:
        unavailable: Any = FindCoordinatorResponse[version](error_code=15, node_id=-1, host="", port=-1)
        return bytes(unavailable.encode(version=version))
    return None


def _metadata(version: int, body: bytes, nodes: dict[int, tuple[str, int]]) -> bytes:
    name_bytes = int.from_bytes(body[4:6], "big") if len(body) > 6 else 0
    name = body[6 : 6 + name_bytes].decode() or TOPIC
    topic: Any = MetadataResponse.MetadataResponseTopic
    partition = topic.MetadataResponsePartition(
        error_code=0,
        partition_index=0,
        leader_id=1,
        leader_epoch=0,
        replica_nodes=[1],
        isr_nodes=[1],
        offline_replicas=[],
    )
    known = topic(error_code=0, name=TOPIC, is_internal=False, partitions=[partition])
    broker: Any = MetadataResponse.MetadataResponseBroker
    brokers = [broker(node_id=node, host=host, port=port, rack=None) for node, (host, port) in nodes.items()]
    answer: Any = MetadataResponse[version](
        brokers=brokers,
        cluster_id="c",
        controller_id=1,
        topics=[
            known if name == TOPIC else topic(error_code=UNKNOWN_TOPIC, name=name, is_internal=False, partitions=[])
        ],
    )
    return bytes(answer.encode(version=version))


def _offsets(version: int, log: Log) -> bytes:
    topic: Any = ListOffsetsResponse.ListOffsetsTopicResponse
    partition = topic.ListOffsetsPartitionResponse(partition_index=0, error_code=0, timestamp=-1, offset=log.end)
    answer: Any = ListOffsetsResponse[version](topics=[topic(name=TOPIC, partitions=[partition])])
    return bytes(answer.encode(version=version))


def _fetch(version: int, body: bytes, log: Log) -> bytes:
    max_wait_ms = int.from_bytes(body[4:8], "big")
    at = body.index(TOPIC.encode()) + len(TOPIC) + 4
    offset = _PARTITION.unpack_from(body, at)[2] if version >= 9 else unpack_from(">iq", body, at)[1]
    log.offsets_asked.append(offset)
    if log.answered_at is not None:
        log.pauses_s.append(time.monotonic() - log.answered_at)
    error = 0 if log.start <= offset <= log.end else NOT_RETAINED
    is_sent_on = log.preferred_replica >= 0 and version >= 11 and not body.endswith(_NO_RACK)
    sent = [batch for batch in log.batches if last_offset(batch) >= offset][: log.fetched_batches] if not error else []
    if is_sent_on:
        sent = []
    elif not sent and not error:
        time.sleep(max_wait_ms / 1_000)
    sent_to = last_offset(sent[-1]) if sent else -1
    topic: Any = FetchResponse.FetchableTopicResponse
    aborted = [
        topic.PartitionData.AbortedTransaction(producer_id=producer, first_offset=first)
        for producer, first, mark in log.aborted
        if first <= sent_to and mark >= offset
    ]
    partition = topic.PartitionData(
        partition_index=0,
        error_code=error,
        high_watermark=log.end,
        last_stable_offset=log.end,
        log_start_offset=log.start,
        aborted_transactions=aborted,
        preferred_read_replica=log.preferred_replica if is_sent_on else -1,
        records=b"".join(sent),
    )
    log.over_quota -= 1
    responses = [] if log.over_quota >= 0 else [topic(topic=TOPIC, partitions=[partition])]
    answer: Any = FetchResponse[version](throttle_time_ms=log.throttle_time_ms, responses=responses)
    log.answered_at = time.monotonic()
    return bytes(answer.encode(version=version))
