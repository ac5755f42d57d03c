"""Fetches from one partition once: from its leader, or from a replica near the reader.

A leader that is told the reader's rack names a replica there (KIP-392). That replica is asked until it has nothing, or
fails, and the leader is asked again now and then. Connections come from a pool and go back to it.
"""

import time
from contextlib import suppress

from kafka.errors import KafkaError

from batch.log.broker import BROKERS, Broker, Fetched, Leader
from batch.log.limits import ReadLimits
from sma.settings import KafkaSettings

ANSWER_WAIT_MS = 500  # how long Kafka may wait for records where there are none yet
ASK_LEADER_AGAIN_S = 300.0  # as Kafka's clients do (`metadata.max.age.ms`)


class Source:
    """Where one partition is fetched from; used by one thread at a time."""

    def __init__(self, settings: KafkaSettings, topic: str, partition: int, limits: ReadLimits) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._topic = topic
        self._partition = partition
        self._limits = limits
        self._leader: tuple[Broker, Leader] | None = None
        self._replica: Broker | None = None
        self._replica_until = 0.0
        self._leader_alone_until = 0.0  # the replica has failed, or is behind

    @property
    def throttled_s(self) -> float:
        """How long the next fetch would still wait, since the broker said so."""
        if self._replica is not None:
            return self._replica.throttled_s
        return self._leader[0].throttled_s if self._leader else 0.0

    def leave(self) -> None:
        """Give the connections back: whoever fetches next looks for the leader again."""
        self._leave_replica()
        if self._leader is not None:
            BROKERS.give_back(self._leader[0])
            self._leader = None

    def fetch(self, position: int) -> Fetched:
        """Return record batches from a Kafka offset on, if any arrive in time.

        Raises:
            Denied: the topic may not be read, or the connection is refused.
            KafkaError: the broker refuses, or does not answer.
        """
        if self._leader is None:
            self._leader = self._connect_leader()
            if self.throttled_s:
                return Fetched()  # the caller waits, who can be stopped
        if self._replica is not None and (near := self._fetch_near(position)) is not None:
            return near
        broker, _ = self._leader
        rack = self._settings.kafka_rack if time.monotonic() >= self._leader_alone_until else ""
        fetched = self._fetch_from(broker, position, rack)
        if fetched.preferred_replica is None:
            return fetched
        self._go_near(fetched.preferred_replica)
        return self.fetch(position)

    def require_versions(self) -> None:
        """Tell a broker that is restarting from one that closes connections on requests it does not know.

        Raises:
            FastReaderUnavailable: it does not know these requests.
        """
        with suppress(KafkaError):
            BROKERS.ask_any(self._settings, self._limits.response_seconds, Broker.require_versions)

    def _fetch_near(self, position: int) -> Fetched | None:
        """Return what the replica has; None where the leader has to be asked."""
        if self._replica is not None and time.monotonic() < self._replica_until:
            with suppress(KafkaError):  # its own reasons: the leader has the last word
                fetched = self._fetch_from(self._replica, position, self._settings.kafka_rack)
                if len(fetched.records) or self._replica.throttled_s:
                    return fetched
            self._leader_alone_until = time.monotonic() + ASK_LEADER_AGAIN_S
        self._leave_replica()
        return None

    def _fetch_from(self, broker: Broker, position: int, rack: str) -> Fetched:
        epoch = self._leader[1].epoch if self._leader else -1
        return broker.fetch(
            self._topic, self._partition, epoch, position, self._limits.fetch_bytes, ANSWER_WAIT_MS, rack
        )

    def _connect_leader(self) -> tuple[Broker, Leader]:
        wait_s = self._limits.response_seconds
        leader = BROKERS.ask_any(self._settings, wait_s, lambda broker: broker.leader(self._topic, self._partition))
        return BROKERS.borrow(self._settings, leader.address, wait_s), leader

    def _go_near(self, node: int) -> None:
        """Connect to a replica; where that fails, ask the leader alone for a while."""
        now = time.monotonic()
        self._leader_alone_until = now + ASK_LEADER_AGAIN_S
        address = self._leader[1].nodes.get(node) if self._leader else None
        if address is not None:
            with suppress(KafkaError):
                self._replica = BROKERS.borrow(self._settings, address, self._limits.response_seconds)
                self._replica_until = now + ASK_LEADER_AGAIN_S
                self._leader_alone_until = 0.0

    def _leave_replica(self) -> None:
        if self._replica is not None:
            BROKERS.give_back(self._replica)
            self._replica = None
