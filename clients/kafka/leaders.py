"""Fetches a few record batches at an offset from the leader of a partition, to see what is there.

Whole ranges are read in `batch.log`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from kafka.errors import KafkaError, LeaderNotAvailableError
from kafka.protocol.consumer import FetchRequest, FetchResponse, IsolationLevel
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from tenacity import Retrying, retry_if_exception, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.batches import BatchHeader, committed, headers
from clients.kafka.connection import RETRY_S
from clients.kafka.groups import gives_up
from clients.kafka.pool import WIRES
from clients.kafka.wire import Address, Found, Wire
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
    """The leaders of a topic's partitions; they are found when one is first asked."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._topic = topic
        self._leaders: dict[int, Address] = {}

    def fetch(self, partition: int, offset: int, *, read_committed: bool) -> Fetched:
        """Return the batches from an offset on; the first may begin before it.

        Args:
            partition: of the topic.
            offset: where to begin.
            read_committed: whether to end before the first transaction that is open.

        Raises:
            Denied: Kafka refuses the principal.
            KafkaError: the leader refuses, or does not answer in time.
        """
        level = IsolationLevel.READ_COMMITTED if read_committed else IsolationLevel.READ_UNCOMMITTED
        return self.ask(partition, lambda wire: self._fetch(wire, partition, offset, level))

    def ask(self, partition: int, question: Callable[[Wire], Found]) -> Found:
        """Return the response of a partition's leader; another is looked for while it does not lead.

        Raises:
            Denied: Kafka refuses the principal.
            KafkaError: the leader refuses, or does not answer in time.
        """
        asking = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and error.retriable),
            stop=gives_up,
            wait=wait_fixed(RETRY_S),
            reraise=True,
        )
        answer: Found = asking(self._ask, partition, question)
        return answer

    def _ask(self, partition: int, question: Callable[[Wire], Found]) -> Found:
        try:
            return WIRES.ask(self._settings, self._leader(partition), ANSWER_TIMEOUT_S, question)
        except KafkaError:
            self._leaders = {}
            raise

    def _fetch(self, wire: Wire, partition: int, offset: int, level: IsolationLevel) -> Fetched:
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
        need = f"Read on Topic:{self._topic}"
        answer = None
        while (
            answer is None or not answer.responses
        ):  # a broker whose quota is used up names no topic; `ask` then waits
            answer = wire.ask(request, FetchResponse)
            wire.raise_for(answer.error_code, need)
        (fetched,) = answer.responses[0].partitions
        wire.raise_for(fetched.error_code, need)
        aborted = [(each.producer_id, each.first_offset) for each in fetched.aborted_transactions or ()]
        return Fetched(list(headers(fetched.records or b"")), sorted(aborted, key=itemgetter(1)))

    def _leader(self, partition: int) -> Address:
        if partition not in self._leaders:
            self._leaders = WIRES.ask_any(self._settings, ANSWER_TIMEOUT_S, self._find)
        if partition not in self._leaders:
            raise LeaderNotAvailableError(f"partition {partition} has no leader")
        return self._leaders[partition]

    def _find(self, wire: Wire) -> dict[int, Address]:
        asked = MetadataRequest.MetadataRequestTopic(name=self._topic)
        request = MetadataRequest[_METADATA_VERSION](topics=[asked], allow_auto_topic_creation=False)
        answer = wire.ask(request, MetadataResponse)
        (topic,) = answer.topics
        wire.raise_for(topic.error_code, f"Describe on Topic:{self._topic}")
        hosts = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        return {each.partition_index: hosts[each.leader_id] for each in topic.partitions if each.leader_id in hosts}
