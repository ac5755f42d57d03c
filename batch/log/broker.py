"""Talks to one Kafka broker over one connection: requests in kafka-python's classes, fetched bytes without a copy.

The versions of the protocol are those of Kafka 2.3; every Kafka since then answers them.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from struct import error as StructError
from typing import Any, TypeVar, cast

import numpy as np
from kafka.cluster import collect_hosts
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    LeaderNotAvailableError,
    NoError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest, IsolationLevel, OffsetFetchRequest, OffsetFetchResponse
from kafka.protocol.metadata import (
    CoordinatorType,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    MetadataRequest,
    MetadataResponse,
)

from sma.errors import SmaError

MAX_ANSWER_BYTES = 256 * 2**20  # no answer may be larger, whatever a batch's size

_CLIENT_ID = "sma"
_METADATA_VERSION = 8
_FETCH_VERSION = 11
_COORDINATOR_VERSION = 2
_OFFSETS_VERSION = 5
_NO_SESSION = -1
_SIZE = Struct(">i")
_FETCH_HEAD = Struct(">ihii")  # throttle time, error, session, topics
_STRING = Struct(">h")
_PARTITION_HEAD = Struct(">iihqqqi")  # partitions; of the first its number, error, three offsets, aborted transactions
_ABORTED = Struct(">qq")  # producer, first offset
_RECORDS_HEAD = Struct(">ii")  # preferred replica, bytes

Address = tuple[str, int]
Found = TypeVar("Found")


def addresses(bootstrap: str) -> list[Address]:
    """Return host and port of each server in a list of host:port.

    Raises:
        SmaError: it is none.
    """
    try:
        return [(host, port) for host, port, _ in collect_hosts(bootstrap)]
    except ValueError as error:
        raise SmaError(f"SMA_KAFKA_BOOTSTRAP: {bootstrap!r} is no list of host:port: {error}") from error


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought.

    records: record batches, the first of which may begin before the offset asked for; the last may be cut off.
    aborted: (producer id, first Kafka offset) of the aborted transactions among them, by first offset.
    """

    records: bytes | memoryview = b""
    aborted: tuple[tuple[int, int], ...] = ()


class Broker:
    """An open connection; one thread at a time asks, and has the answer before it asks again.

    A method that raises a `kafka.errors.KafkaError` for the connection or the protocol leaves it of no use.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Connect; `timeout_s` is how long each sign of the broker is waited for.

        Raises:
            KafkaError: it does not answer.
        """
        self._name = "{}:{}".format(*address)
        self._asked = 0
        try:
            self._socket = socket.create_connection(address, timeout_s)
        except OSError as error:
            raise self._lost(error) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def leader(self, topic: str, partition: int) -> tuple[Address, int]:
        """Return where the leader of a partition is, and its epoch.

        Raises:
            KafkaError: it has none just now, there is no such topic or partition, or the broker does not answer.
        """
        asked = MetadataRequest.MetadataRequestTopic(name=topic)
        request = MetadataRequest[_METADATA_VERSION](topics=[asked], allow_auto_topic_creation=False)
        answer = self._ask_decoded(request, MetadataResponse)
        (described,) = answer.topics
        _raise_for(described.error_code)
        found = [each for each in described.partitions if each.partition_index == partition]
        if not found:
            raise UnknownTopicOrPartitionError(f"there is no partition {partition}")
        (its,) = found
        _raise_for(its.error_code)
        hosts = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        if its.leader_id not in hosts:
            raise LeaderNotAvailableError("its leader is not there")
        return hosts[its.leader_id], its.leader_epoch

    def fetch(self, topic: str, partition: int, epoch: int, offset: int, max_bytes: int, max_wait_ms: int) -> Fetched:
        """Return record batches from an offset on, read-committed; none where none came within `max_wait_ms`.

        They are of `max_bytes` at most, but for a single batch that is larger: the first is whole.

        Raises:
            KafkaError: the broker refuses, or does not answer.
        """
        wanted = FetchRequest.FetchTopic.FetchPartition(
            partition=partition, current_leader_epoch=epoch, fetch_offset=offset, partition_max_bytes=max_bytes
        )
        answer = self._ask(
            FetchRequest[_FETCH_VERSION](
                max_wait_ms=max_wait_ms,
                min_bytes=1,
                max_bytes=max_bytes,
                isolation_level=IsolationLevel.READ_COMMITTED,
                session_epoch=_NO_SESSION,
                topics=[FetchRequest.FetchTopic(topic=topic, partitions=[wanted])],
            )
        )
        try:
            return _fetched(answer)
        except StructError as error:
            raise KafkaProtocolError(f"{self._name}: the answer to a fetch is cut off") from error

    def coordinator(self, group: str) -> Address:
        """Return where the coordinator of a consumer group is.

        Raises:
            KafkaError: there is none just now, or the broker does not answer.
        """
        request = FindCoordinatorRequest[_COORDINATOR_VERSION](key=group, key_type=CoordinatorType.GROUP)
        answer = self._ask_decoded(request, FindCoordinatorResponse)
        _raise_for(answer.error_code)
        return answer.host, answer.port

    def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Return the Kafka offset that a group has committed for each partition; none where it never did.

        Raises:
            KafkaError: this broker is not the group's coordinator, or does not answer.
        """
        asked = OffsetFetchRequest.OffsetFetchRequestTopic(name=topic, partition_indexes=list(partitions))
        request = OffsetFetchRequest[_OFFSETS_VERSION](group_id=group, topics=[asked])
        answer = self._ask_decoded(request, OffsetFetchResponse)
        _raise_for(answer.error_code)
        offsets = {}
        for held in answer.topics[0].partitions:
            _raise_for(held.error_code)
            if held.committed_offset >= 0:
                offsets[held.partition_index] = held.committed_offset
        return offsets

    def _ask_decoded(self, request: Any, response: Any) -> Any:
        return response.decode(self._ask(request).tobytes(), version=request.API_VERSION)

    def _ask(self, request: Any) -> memoryview:
        """Return the answer, without what stands before its body."""
        self._asked += 1
        request.with_header(correlation_id=self._asked, client_id=_CLIENT_ID)
        try:
            self._socket.sendall(request.encode(framed=True, header=True))
            (size,) = _SIZE.unpack_from(self._receive(_SIZE.size))
            if not _SIZE.size <= size <= MAX_ANSWER_BYTES:
                raise KafkaProtocolError(f"{self._name}: an answer of {size} bytes")
            answer = self._receive(size)
        except OSError as error:
            raise self._lost(error) from error
        (answered,) = _SIZE.unpack_from(answer)
        if answered != self._asked:
            raise KafkaProtocolError(f"{self._name}: request {self._asked} was answered as if it were {answered}")
        return answer[_SIZE.size :]

    def _receive(self, size: int) -> memoryview:
        received = memoryview(cast(Any, np.empty(size, np.uint8)))  # which are not zeroed first, as a bytearray is
        left = received
        while left:
            count = self._socket.recv_into(left)
            if not count:
                raise ConnectionResetError("the connection was closed")
            left = left[count:]
        return received

    def _lost(self, error: OSError) -> KafkaError:
        lost: KafkaError = KafkaConnectionError(f"{self._name}: {error}")
        return lost


def ask_any(servers: Sequence[Address], timeout_s: float, ask: Callable[[Broker], Found]) -> Found:
    """Return what the first of several servers says that says something.

    Raises:
        KafkaError: as the last one raised it.
    """
    *others, last = servers
    for address in others:
        with suppress(KafkaError):
            return _ask_one(address, timeout_s, ask)
    return _ask_one(last, timeout_s, ask)


def _ask_one(address: Address, timeout_s: float, ask: Callable[[Broker], Found]) -> Found:
    with closing(Broker(address, timeout_s)) as broker:
        return ask(broker)


def _fetched(answer: memoryview) -> Fetched:
    """Read the answer to a fetch of one partition."""
    _, error, _, _ = _FETCH_HEAD.unpack_from(answer)
    _raise_for(error)
    at = _FETCH_HEAD.size
    (name_bytes,) = _STRING.unpack_from(answer, at)
    at += _STRING.size + name_bytes
    _, _, error, _, _, _, aborted_count = _PARTITION_HEAD.unpack_from(answer, at)
    _raise_for(error)
    at += _PARTITION_HEAD.size
    aborted = []
    for _ in range(aborted_count):
        producer, first_offset = _ABORTED.unpack_from(answer, at)
        aborted.append((producer, first_offset))
        at += _ABORTED.size
    _, size = _RECORDS_HEAD.unpack_from(answer, at)
    at += _RECORDS_HEAD.size
    by_first_offset = sorted(aborted, key=itemgetter(1))
    return Fetched(answer[at : at + max(size, 0)], tuple(by_first_offset))


def _raise_for(code: int) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error()
