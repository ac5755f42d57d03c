"""Keeps connections to brokers open between requests: one for each broker and principal that is used at a time.

Connecting costs several round trips, and with TLS and a login milliseconds of arithmetic; a log is read in many ranges.
"""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable
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
    """The kept connections of one process; each is used by one thread at a time.

    There is no lock: the garbage collector ends a reading that was given up, which gives its connection back, wherever
    memory is allocated, so in the middle of any of these methods too. What they do with a deque is one step each.
    """

    def __init__(self, connect: Callable[[KafkaConnection, Address, float], Connected], idle_s: float = IDLE_S) -> None:
        """Keep none yet.

        Args:
            connect: opens a connection as somebody, to an address, with a time-out in seconds.
            idle_s: after which a connection that nobody has used is closed.
        """
        self._connect = connect
        self._idle_s = idle_s
        self._kept: dict[_Key, deque[tuple[float, Connected]]] = {}  # and since when each is idle, the longest first
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
        self._kept.setdefault(_key(wire.settings, wire.address), deque()).append((time.monotonic(), wire))
        if self._closer is None:
            self._close_later()

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
            addresses(settings.kafka_bootstrap), key=lambda each: not self._kept.get(_key(settings, each))
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
        kept = self._kept.get(_key(settings, address))
        while kept:
            try:
                _, wire = kept.pop()
            except IndexError:  # another thread was faster
                break
            if wire.is_open:
                wire.wait_for(timeout_s)
                return wire
            wire.close()
        return None

    def _close_later(self) -> None:
        self._closer = threading.Timer(self._idle_s, self._close_idle)
        self._closer.daemon = True
        self._closer.start()

    def _close_idle(self) -> None:
        self._close(time.monotonic() - self._idle_s)
        self._closer = None
        if any(self._kept.copy().values()):
            self._close_later()

    def _close(self, idle_since: float) -> None:
        """Close what has been idle since a time or longer."""
        for kept in self._kept.copy().values():
            with suppress(IndexError):  # none is left
                while kept[0][0] <= idle_since:
                    since, wire = kept.popleft()
                    if since > idle_since:  # another thread has taken the one that was looked at
                        kept.appendleft((since, wire))
                        break
                    wire.close()

    def _forget(self) -> None:
        """Close what a forked process has of its parent's connections, which stay open there."""
        self._closer = None
        self.close()


def _key(settings: KafkaConnection, address: Address) -> _Key:
    return address, identity(settings)


WIRES: Pool[Wire] = Pool(Wire)
"""The connections for requests about groups."""
