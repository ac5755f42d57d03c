"""Fetches a few record batches at an offset from the leader of a partition, to see what is there.

Whole ranges are read in `batch.log`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from types import TracebackType

from kafka.errors import KafkaError, LeaderNotAvailableError
from kafka.protocol.consumer import FetchRequest, FetchResponse, IsolationLevel
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from tenacity import Retrying, retry_if_exception, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.batches import BatchHeader, committed, headers
from clients.kafka.connection import RETRY_S
from clients.kafka.groups import gives_up
from clients.kafka.wire import Address, Wire, addresses, ask_any, raise_for
from sma.settings import KafkaSettings

_METADATA_VERSION = 8
_FETCH_VERSION = 11
_FETCH_BYTES = 2**20  # at most, except for a single larger batch
_WAIT_MS = 100
_NO_SESSION = -1


@dataclass(frozen=True, slots=True)
class Fetched:
    """The headers of some whole batches, in the log's order; none where there is no batch from the offset on.

    aborted: (producer id, first Kafka offset) of the aborted transactions among them, by first offset.
    """

    batches: Sequence[BatchHeader]
    aborted: Sequence[tuple[int, int]] = ()

    @property
    def readable(self) -> list[BatchHeader]:
        """The batches that a read-committed consumer is given records of."""
        return [batch for batch in committed(self.batches, self.aborted) if batch.record_count]


class Leaders:
    """The leaders of a topic's partitions; connects when it is first asked, and keeps the connections until it ends."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """Ask nothing yet."""
        self._servers = addresses(settings.kafka_bootstrap)
        self._topic = topic
        self._leaders: dict[int, Address] = {}
        self._wires: dict[Address, Wire] = {}

    def __enter__(self) -> "Leaders":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()

    def fetch(self, partition: int, offset: int, *, read_committed: bool) -> Fetched:
        """Return the batches from an offset on; the first may begin before it.

        Args:
            partition: of the topic.
            offset: where to begin.
            read_committed: whether to end before the first transaction that is open.

        Raises:
            KafkaError: the leader refuses, or does not answer in time.
        """
        level = IsolationLevel.READ_COMMITTED if read_committed else IsolationLevel.READ_UNCOMMITTED
        asking = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and error.retriable),
            stop=gives_up,
            wait=wait_fixed(RETRY_S),
            reraise=True,
        )
        return asking(self._fetch, partition, offset, level)

    def _fetch(self, partition: int, offset: int, level: IsolationLevel) -> Fetched:
        try:
            wire = self._wire(partition)
            answer = None
            while (
                answer is None
            ):  # a broker whose quota is used up names no topic, and `wire` waits before it asks again
                answer = self._fetch_once(wire, partition, offset, level)
            return answer
        except KafkaError:
            self._forget()
            raise

    def _fetch_once(self, wire: Wire, partition: int, offset: int, level: IsolationLevel) -> Fetched | None:
        wanted = FetchRequest.FetchTopic.FetchPartition(
            partition=partition, current_leader_epoch=-1, fetch_offset=offset, partition_max_bytes=_FETCH_BYTES
        )
        request = FetchRequest[_FETCH_VERSION](
            max_wait_ms=_WAIT_MS,
            min_bytes=1,
            max_bytes=_FETCH_BYTES,
            isolation_level=level,
            session_epoch=_NO_SESSION,
            topics=[FetchRequest.FetchTopic(topic=self._topic, partitions=[wanted])],
        )
        answer = wire.ask(request, FetchResponse)
        raise_for(answer.error_code)
        if not answer.responses:
            return None
        (fetched,) = answer.responses[0].partitions
        raise_for(fetched.error_code)
        aborted = [(each.producer_id, each.first_offset) for each in fetched.aborted_transactions or ()]
        return Fetched(list(headers(fetched.records or b"")), sorted(aborted, key=itemgetter(1)))

    def _wire(self, partition: int) -> Wire:
        connect = partial(Wire, timeout_s=ANSWER_TIMEOUT_S)
        if partition not in self._leaders:
            self._leaders = ask_any(self._servers, connect, self._find)
        if partition not in self._leaders:
            raise LeaderNotAvailableError(f"partition {partition} has no leader")
        address = self._leaders[partition]
        if address not in self._wires:
            self._wires[address] = connect(address)
        return self._wires[address]

    def _find(self, wire: Wire) -> dict[int, Address]:
        asked = MetadataRequest.MetadataRequestTopic(name=self._topic)
        request = MetadataRequest[_METADATA_VERSION](topics=[asked], allow_auto_topic_creation=False)
        answer = wire.ask(request, MetadataResponse)
        (topic,) = answer.topics
        raise_for(topic.error_code)
        hosts = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        return {each.partition_index: hosts[each.leader_id] for each in topic.partitions if each.leader_id in hosts}

    def _forget(self) -> None:
        self._leaders = {}
        for wire in self._wires.values():
            with suppress(OSError):
                wire.close()
        self._wires = {}
