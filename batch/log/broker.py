"""Talks to one Kafka broker over one connection: requests in kafka-python's classes, fetched bytes without a copy.

The versions of the protocol are those of Kafka 2.3; every later Kafka supports them.
"""

from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from struct import error as StructError
from typing import Any, cast

import numpy as np
from kafka.errors import (
    KafkaProtocolError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
)
from kafka.protocol.consumer import FetchRequest, IsolationLevel
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    MetadataRequest,
    MetadataResponse,
)

from batch.log.unreadable import FastReaderUnavailable
from clients.kafka.pool import Pool
from clients.kafka.wire import Address, Wire

_API_VERSIONS_VERSION = 0  # which every Kafka supports
_METADATA_VERSION = 8
_FETCH_VERSION = 11
_NO_SESSION = -1
_FETCH_HEAD = Struct(">ihii")  # throttle time, error, session, topics
_STRING = Struct(">h")
_PARTITION_HEAD = Struct(">iihqqqi")  # partitions; of the first its number, error, three offsets, aborted transactions
_ABORTED = Struct(">qq")  # producer, first offset
_RECORDS_HEAD = Struct(">ii")  # preferred replica, bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of one fetch.

    records: record batches, the first of which may begin before the offset asked for; the last may be cut off.
    aborted: (producer id, first Kafka offset) of the aborted transactions among them, by first offset.
    preferred_replica: the node that the leader wants to be asked instead of it, since it is in the reader's rack; None
        where it is the leader itself.
    """

    records: bytes | memoryview = b""
    aborted: tuple[tuple[int, int], ...] = ()
    preferred_replica: int | None = None


@dataclass(frozen=True, slots=True)
class Leader:
    """Where the leader of a partition is, its epoch, and where the nodes of the cluster are, by number."""

    address: Address
    epoch: int
    nodes: dict[int, Address]


class Broker(Wire):
    """An open connection, for one thread at a time and one request at a time.

    After a `kafka.errors.KafkaError` for the connection or the protocol it is of no further use.
    """

    def require_versions(self) -> None:
        """Check that the broker supports the versions of the requests made here.

        Raises:
            FastReaderUnavailable: it does not.
            KafkaError: it does not answer.
        """
        answer = self.ask(ApiVersionsRequest[_API_VERSIONS_VERSION](), ApiVersionsResponse)
        self.raise_for(answer.error_code)
        offered = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
        for request, version in ((MetadataRequest, _METADATA_VERSION), (FetchRequest, _FETCH_VERSION)):
            first, last = offered.get(request.API_KEY, (0, -1))
            if not first <= version <= last:
                its = f"versions {first} to {last} of it" if first <= last else "no such request"
                raise FastReaderUnavailable(
                    f"the fast reader of the log asks in version {version} of {request.__name__}, and Kafka at "
                    f"{self.name} offers {its}"
                )

    def leader(self, topic: str, partition: int) -> Leader:
        """Return where the leader of a partition is.

        Raises:
            Denied: the topic may not be described.
            KafkaError: it has none at present, there is no such topic or partition, or the broker does not answer.
        """
        asked = MetadataRequest.MetadataRequestTopic(name=topic)
        request = MetadataRequest[_METADATA_VERSION](topics=[asked], allow_auto_topic_creation=False)
        answer = self.ask(request, MetadataResponse)
        (described,) = answer.topics
        self.raise_for(described.error_code, f"Describe on Topic:{topic}")
        matching = [each for each in described.partitions if each.partition_index == partition]
        if not matching:
            raise UnknownTopicOrPartitionError(f"there is no partition {partition}")
        (its,) = matching
        self.raise_for(its.error_code)
        hosts = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        if its.leader_id not in hosts:
            raise LeaderNotAvailableError("its leader is not there")
        return Leader(hosts[its.leader_id], its.leader_epoch, hosts)

    def fetch(
        self, topic: str, partition: int, epoch: int, offset: int, max_bytes: int, max_wait_ms: int, rack: str = ""
    ) -> Fetched:
        """Return record batches from an offset on, read-committed; none if none arrived within `max_wait_ms`.

        They have at most `max_bytes`, except for a single larger batch: the first is always whole. A leader that is
        given the reader's `rack` may name a replica there instead of sending anything.

        Raises:
            Denied: the topic may not be read.
            KafkaError: the broker refuses, or does not answer.
        """
        wanted = FetchRequest.FetchTopic.FetchPartition(
            partition=partition, current_leader_epoch=epoch, fetch_offset=offset, partition_max_bytes=max_bytes
        )
        answer = self.ask_bytes(
            FetchRequest[_FETCH_VERSION](
                max_wait_ms=max_wait_ms,
                min_bytes=1,
                max_bytes=max_bytes,
                isolation_level=IsolationLevel.READ_COMMITTED,
                session_epoch=_NO_SESSION,
                topics=[FetchRequest.FetchTopic(topic=topic, partitions=[wanted])],
                rack_id=rack,
            )
        )
        try:
            throttle_time_ms, *_ = _FETCH_HEAD.unpack_from(answer)
            self.throttle(throttle_time_ms)
            return self._fetched(answer, topic)
        except StructError as error:
            raise KafkaProtocolError(f"{self.name}: the answer to a fetch is cut off") from error

    def _fetched(self, answer: memoryview, topic: str) -> Fetched:
        """Read the answer to a fetch of one partition."""
        _, error, _, topics = _FETCH_HEAD.unpack_from(answer)
        self.raise_for(error)
        if not topics:
            return Fetched()  # what a broker says whose quota is used up
        at = _FETCH_HEAD.size
        (name_bytes,) = _STRING.unpack_from(answer, at)
        at += _STRING.size + name_bytes
        _, _, error, _, _, _, aborted_count = _PARTITION_HEAD.unpack_from(answer, at)
        self.raise_for(error, f"Read on Topic:{topic}")
        at += _PARTITION_HEAD.size
        aborted = []
        for _ in range(aborted_count):
            producer, first_offset = _ABORTED.unpack_from(answer, at)
            aborted.append((producer, first_offset))
            at += _ABORTED.size
        preferred, size = _RECORDS_HEAD.unpack_from(answer, at)
        at += _RECORDS_HEAD.size
        by_first_offset = sorted(aborted, key=itemgetter(1))
        records = answer[at : at + max(size, 0)]
        return Fetched(records, tuple(by_first_offset), preferred if preferred >= 0 else None)

    def _memory(self, size: int) -> memoryview:
        return memoryview(cast(Any, np.empty(size, np.uint8)))  # which is not zeroed first, as a bytearray is


BROKERS: Pool[Broker] = Pool(Broker)
"""The connections by which this process reads the log."""
