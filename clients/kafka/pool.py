"""Keeps connections to brokers open between requests: one for each broker and principal that is used at a time.

Connecting costs several round trips, and with TLS and a login milliseconds of arithmetic; a log is read in many ranges.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic

from kafka.errors import KafkaConnectionError, KafkaError

from clients.kafka.security import identity
from clients.kafka.wire import Address, Connected, Found, Wire, addresses
from sma.settings.kafka_connection import KafkaConnection

IDLE_S = 60.0
"""After so long without a request a connection is closed, before the broker does (`connections.max.idle.ms`)."""

_Key = tuple[Address, tuple[Any, ...]]


class Pool(Generic[Connected]):
    """The kept connections of one process; each is used by one thread at a time."""

    def __init__(self, connect: Callable[[KafkaConnection, Address, float], Connected], idle_s: float = IDLE_S) -> None:
        """Keep none yet.

        Args:
            connect: opens a connection as somebody, to an address, with a time-out in seconds.
            idle_s: after which a connection that nobody has used is closed.
        """
        self._connect = connect
        self._idle_s = idle_s
        self._kept: dict[_Key, list[tuple[float, Connected]]] = {}  # and since when each is idle
        self._lock = threading.Lock()
        self._closer: threading.Timer | None = None
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def borrow(self, settings: KafkaConnection, address: Address, timeout_s: float) -> Connected:
        """Return a connection that nobody else uses, kept or new; whoever has it gives it back.

        Raises:
            Denied: as `Wire`.
            KafkaError: as `Wire`.
        """
        return self._take(settings, address, timeout_s) or self._connect(settings, address, timeout_s)

    def give_back(self, wire: Connected) -> None:
        """Keep a connection for whoever needs it next; one that is broken is closed."""
        if not wire.is_usable:
            wire.close()
            return
        with self._lock:
            self._kept.setdefault(_key(wire.settings, wire.address), []).append((time.monotonic(), wire))
            if self._closer is None:
                self._closer = threading.Timer(self._idle_s, self._close_idle)
                self._closer.daemon = True
                self._closer.start()

    def ask(
        self, settings: KafkaConnection, address: Address, timeout_s: float, question: Callable[[Connected], Found]
    ) -> Found:
        """Return a broker's response; it is asked again where a kept connection turns out to be closed.

        Raises:
            Denied: as `Wire`.
            KafkaError: as the question raises it.
        """
        if (kept := self._take(settings, address, timeout_s)) is not None:
            with suppress(KafkaConnectionError):
                return self._ask(kept, question)
        return self._ask(self._connect(settings, address, timeout_s), question)

    def ask_any(self, settings: KafkaConnection, timeout_s: float, question: Callable[[Connected], Found]) -> Found:
        """Return the response of the first of the bootstrap servers that answers, those first that are connected.

        Raises:
            SmaError: the servers' addresses are none.
            Denied: as `Wire`.
            KafkaError: as the last one raises it.
        """
        *others, last = sorted(
            addresses(settings.kafka_bootstrap), key=lambda each: _key(settings, each) not in self._kept
        )
        for address in others:
            with suppress(KafkaError):
                return self.ask(settings, address, timeout_s, question)
        return self.ask(settings, last, timeout_s, question)

    def close(self) -> None:
        """Close what is kept."""
        self._close(float("inf"))

    def _ask(self, wire: Connected, question: Callable[[Connected], Found]) -> Found:
        try:
            return question(wire)
        finally:
            self.give_back(wire)

    def _take(self, settings: KafkaConnection, address: Address, timeout_s: float) -> Connected | None:
        key = _key(settings, address)
        while True:
            with self._lock:
                kept = self._kept.get(key)
                if not kept:
                    return None
                _, wire = kept.pop()
                if not kept:
                    del self._kept[key]
            if wire.is_open:
                wire.wait_for(timeout_s)
                return wire
            wire.close()

    def _close_idle(self) -> None:
        self._close(time.monotonic() - self._idle_s)
        with self._lock:
            self._closer = None
            if self._kept:
                self._closer = threading.Timer(self._idle_s, self._close_idle)
                self._closer.daemon = True
                self._closer.start()

    def _close(self, idle_since: float) -> None:
        """Close what has been idle since a time or longer."""
        with self._lock:
            kept, self._kept = self._kept, {}
            for key, idle in kept.items():
                if newer := [each for each in idle if each[0] > idle_since]:
                    self._kept[key] = newer
        _close_all(wire for idle in kept.values() for since, wire in idle if since <= idle_since)

    def _forget(self) -> None:
        """Close what a forked process has of its parent's connections, which stay open there."""
        self._lock = threading.Lock()
        self._closer = None
        self.close()


def _close_all(wires: Iterable[Wire]) -> None:
    for wire in wires:
        wire.close()


def _key(settings: KafkaConnection, address: Address) -> _Key:
    return address, identity(settings)


WIRES: Pool[Wire] = Pool(Wire)
"""The connections for requests about groups."""
