"""Record batches as Kafka keeps them: the bytes of one partition's explicit range of Kafka offsets, read-committed.

Connections, versions, metadata and (once there are settings for them) TLS and SASL are kafka-python's. What the bytes
hold is not looked at here, but for where the next fetch begins. Nothing is committed, and no group is joined.
"""

import logging
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from batch.record_batches import end_of_batches
from sma.errors import SmaError
from sma.settings import Settings

with warnings.catch_warnings():  # kafka-python 3.0.12 reads its own files in a way that is deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.errors import KafkaError, NoError, NotLeaderForPartitionError, OffsetOutOfRangeError, for_code
    from kafka.net.inet import KafkaNetSocket
    from kafka.net.manager import KafkaConnectionManager
    from kafka.net.selector import NetworkSelector
    from kafka.protocol.consumer import FetchRequest, IsolationLevel
    from kafka.protocol.metadata import MetadataRequest
    from kafka.structs import TopicPartition

FETCH_BYTES = 2 * 2**20  # Kafka sends at most so much at once, but for a single record batch that is larger
MAX_ANSWER_BYTES = 256 * 2**20  # no answer may be larger, whatever a batch's size
ANSWER_WAIT_MS = 500  # how long Kafka may wait for records where there are none yet
ANSWER_TIMEOUT_MS = 10_000
RETRY_SECONDS = 30.0  # how long a fetch that fails is tried again
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
SILENCE_SECONDS = 60.0  # how long a range whose end is not there yet is waited for

_NO_SESSION = -1
_NEWEST_VERSION_WITH_TOPIC_NAMES = 12
_OLDEST_VERSION_WITH_ISOLATION = 4
_UNKNOWN_EPOCH = -1


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought.

    records: record batches, the first of which may begin before the offset asked for; the last may be cut off.
    aborted: (producer id, first Kafka offset) of the aborted transactions among them, by first offset.
    """

    records: bytes
    aborted: tuple[tuple[int, int], ...]


def fetch_batches(settings: Settings, topic: str, partition: int, start: int, end: int) -> Iterator[Fetched]:
    """Yield what stands at start <= Kafka offset < end, and perhaps more around it; each fetch holds a whole batch.

    While one is being used, the next is on its way, so up to twice `FETCH_BYTES` are held.

    Raises:
        SmaError: Kafka does not answer, no longer has those offsets, has nothing at them for `SILENCE_SECONDS`, or
            sends what stands before them.
    """
    if start >= end:
        return
    with closing(_Partition(settings, topic, partition)) as source, ThreadPoolExecutor(1, "kafka-fetch") as thread:
        try:
            position = start
            coming = thread.submit(source.fetch, position, end)
            while position < end:
                fetched = coming.result()
                asked, position = position, end_of_batches(fetched.records, source.where)
                if asked < position < end:
                    coming = thread.submit(source.fetch, position, end)
                yield fetched
                if position <= asked:  # said only now, so that a damaged header is found out first
                    raise SmaError(
                        f"{source.where}: asked for Kafka offset {asked}, Kafka sent what ends before {position}"
                    )
        finally:
            source.stop()


class _ClosedWhenRefused(KafkaNetSocket):  # type: ignore[misc]  # kafka-python has no types
    """A connection without a proxy; kafka-python 3.0.12 leaves the socket of a refused one to the garbage collector."""

    SCHEMES = ("direct",)  # by which kafka-python finds this class

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at)
        except BaseException:  # a connection that is given up is closed, too
            sock.close()
            raise


class _Partition:
    """The connection to whichever broker leads a partition; used by one thread at a time."""

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # every failure is raised here anyway
        self._bootstrap = settings.kafka_bootstrap
        self._topic = topic
        self._partition = TopicPartition(topic, partition)
        self._net = NetworkSelector()
        try:
            self._manager = KafkaConnectionManager(
                self._net,
                bootstrap_servers=settings.kafka_bootstrap,
                proxy_url=f"{_ClosedWhenRefused.SCHEMES[0]}://",
                receive_message_max_bytes=MAX_ANSWER_BYTES,
                request_timeout_ms=ANSWER_TIMEOUT_MS,
            )
        except ValueError as error:
            self._net.close()
            raise SmaError(
                f"SMA_KAFKA_BOOTSTRAP: {settings.kafka_bootstrap!r} is no list of host:port: {error}"
            ) from error
        self._leader: tuple[int, int] | None = None  # its id and epoch
        self._stopped = threading.Event()
        self.where = f"{topic}: partition {partition}"

    def stop(self) -> None:
        """Let a fetch that is under way try no more; for another thread than that of the fetch."""
        self._stopped.set()

    def close(self) -> None:
        self._manager.close()
        self._net.close()

    def fetch(self, position: int, end: int) -> Fetched:
        """Return record batches from a position on, at least one; try again while that can help.

        Raises:
            SmaError: it did not help.
        """
        give_up_at = time.monotonic() + RETRY_SECONDS
        silent_at = time.monotonic() + SILENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            try:
                fetched = self._fetch_once(position)
            except OffsetOutOfRangeError:
                raise SmaError(self._not_retained(position, end)) from None
            except KafkaError as error:
                if not error.retriable or time.monotonic() > give_up_at:
                    raise SmaError(self._failed(position, error)) from error
                self._leader = None
                self._stopped.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            if fetched.records:
                return fetched
            if time.monotonic() > silent_at:
                raise SmaError(self._silent(position, end))
            give_up_at = time.monotonic() + RETRY_SECONDS
        return Fetched(b"", ())  # which nobody waits for

    def _fetch_once(self, position: int) -> Fetched:
        node, epoch = self._leader or self._find_leader()
        wanted = FetchRequest.FetchTopic.FetchPartition(
            partition=self._partition.partition,
            current_leader_epoch=epoch,
            fetch_offset=position,
            partition_max_bytes=FETCH_BYTES,
        )
        answer = self._ask(
            FetchRequest(
                max_wait_ms=ANSWER_WAIT_MS,
                min_bytes=1,
                max_bytes=FETCH_BYTES,
                isolation_level=IsolationLevel.READ_COMMITTED,
                session_epoch=_NO_SESSION,
                topics=[FetchRequest.FetchTopic(topic=self._topic, partitions=[wanted])],
                min_version=_OLDEST_VERSION_WITH_ISOLATION,
                max_version=_NEWEST_VERSION_WITH_TOPIC_NAMES,
            ),
            node,
        )
        _raise_for(answer.error_code if answer.API_VERSION >= 7 else 0)
        held = answer.responses[0].partitions[0]
        _raise_for(held.error_code)
        aborted = sorted((each.first_offset, each.producer_id) for each in held.aborted_transactions or ())
        return Fetched(held.records or b"", tuple((producer, first) for first, producer in aborted))

    def _find_leader(self) -> tuple[int, int]:
        if not self._manager.bootstrapped:
            self._manager.bootstrap(ANSWER_TIMEOUT_MS)
        asked = MetadataRequest.MetadataRequestTopic(name=self._topic)
        answer = self._ask(MetadataRequest(topics=[asked], allow_auto_topic_creation=False), None)
        _raise_for(answer.topics[0].error_code)
        cluster = self._manager.cluster
        cluster.update_metadata(answer)
        leader = cluster.leader_for_partition(self._partition)
        epoch = cluster.leader_epoch_for_partition(self._partition)
        if leader is None or leader < 0:
            raise NotLeaderForPartitionError("it has no leader")
        self._leader = leader, _UNKNOWN_EPOCH if epoch is None else epoch
        return self._leader

    def _ask(self, request: Any, node: int | None) -> Any:
        return self._manager.run(self._manager.send, request, node)

    def _not_retained(self, position: int, end: int) -> str:
        return (
            f"{self.where} no longer holds the Kafka offsets {position} to {end - 1}, or never did: nothing was "
            "read in their place; `sma status` shows what Kafka retains"
        )

    def _failed(self, position: int, error: KafkaError) -> str:
        return (
            f"Kafka at {self._bootstrap}: {error}: {self.where} could not be read from Kafka offset {position}: "
            "is it running? `sma status`, `sma up`"
        )

    def _silent(self, position: int, end: int) -> str:
        return (
            f"Kafka at {self._bootstrap} sent nothing for {SILENCE_SECONDS:.0f} seconds while {self.where} was "
            f"being read from Kafka offset {position} to {end}: is it running, and is no transaction open there?"
        )


def _raise_for(code: int) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error()
