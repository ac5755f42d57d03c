"""Talks to one Kafka broker over one socket, in the requests and responses of kafka-python's classes.

The versions of the protocol are those of Kafka 2.3; every later Kafka supports them. A process that reads the log
loads this module and not librdkafka.
"""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from struct import Struct
from typing import Any, TypeVar

from kafka.cluster import collect_hosts
from kafka.errors import KafkaConnectionError, KafkaError, KafkaProtocolError, NoError, for_code

from clients.answers import Refused, Unanswered
from sma.errors import SmaError

MAX_ANSWER_BYTES = 256 * 2**20  # no response may be larger, whatever the size of a record batch

_CLIENT_ID = "sma"
_SIZE = Struct(">i")

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


class Wire:
    """An open connection; one thread at a time sends a request, and has the response before the next.

    A method that raises a `kafka.errors.KafkaError` for the connection or the protocol leaves it of no use.

    A broker whose quota is used up answers at once, and says how long to send it nothing (KIP-219); a request that is
    made earlier waits here. The requests are of versions that do so: Fetch from 8 on, Metadata from 6, OffsetFetch from
    4, FindCoordinator from 2, DeleteGroups from 1. In older ones the broker itself waits before it answers.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Connect; `timeout_s` is how long to wait for each sign of the broker.

        Raises:
            KafkaError: it does not answer.
        """
        self.name = "{}:{}".format(*address)
        self._asked = 0
        self._throttled_until = 0.0
        try:
            self._socket = socket.create_connection(address, timeout_s)
        except OSError as error:
            raise self._lost(error) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def ask(self, request: Any, response: Any) -> Any:
        """Return the response to a request, decoded by its class of responses.

        Raises:
            KafkaError: the broker does not answer, or not as a broker does.
        """
        decoded = response.decode(self.ask_bytes(request).tobytes(), version=request.API_VERSION)
        self.throttle(getattr(decoded, "throttle_time_ms", None) or 0)
        return decoded

    @property
    def throttled_s(self) -> float:
        """How long the next request would still wait, since the broker said so."""
        return max(0.0, self._throttled_until - time.monotonic())

    def throttle(self, throttle_time_ms: int) -> None:
        """Note what a response says of how long to send nothing."""
        self._throttled_until = time.monotonic() + throttle_time_ms / 1_000

    def ask_bytes(self, request: Any) -> memoryview:
        """Return the bytes of the response to a request, without its header; the caller passes on its throttle time.

        Raises:
            KafkaError: as `ask`.
        """
        time.sleep(self.throttled_s)
        self._asked += 1
        request.with_header(correlation_id=self._asked, client_id=_CLIENT_ID)
        try:
            self._socket.sendall(request.encode(framed=True, header=True))
            (size,) = _SIZE.unpack_from(self._receive(memoryview(bytearray(_SIZE.size))))
            if not _SIZE.size <= size <= MAX_ANSWER_BYTES:
                raise KafkaProtocolError(f"{self.name}: a response of {size} bytes")
            response = self._receive(self._memory(size))
        except OSError as error:
            raise self._lost(error) from error
        (correlation_id,) = _SIZE.unpack_from(response)
        if correlation_id != self._asked:
            raise KafkaProtocolError(f"{self.name}: request {self._asked} was answered as if it were {correlation_id}")
        return response[_SIZE.size :]

    def _memory(self, size: int) -> memoryview:
        """Return memory for a response of that many bytes."""
        return memoryview(bytearray(size))

    def _receive(self, received: memoryview) -> memoryview:
        left = received
        while left:
            count = self._socket.recv_into(left)
            if not count:
                raise ConnectionResetError("the connection was closed")
            left = left[count:]
        return received

    def _lost(self, error: OSError) -> KafkaError:
        lost: KafkaError = KafkaConnectionError(f"{self.name}: {error}")
        return lost


Connected = TypeVar("Connected", bound=Wire)


def ask_any(
    servers: Sequence[Address], connect: Callable[[Address], Connected], question: Callable[[Connected], Found]
) -> Found:
    """Return the response of the first of several servers that answers.

    Raises:
        KafkaError: as the last one raised it.
    """
    *others, last = servers
    for address in others:
        with suppress(KafkaError), closing(connect(address)) as wire:
            return question(wire)
    with closing(connect(last)) as wire:
        return question(wire)


def raise_for(code: int) -> None:
    """Raise the error of a code in a response; 0 is none."""
    error = for_code(code)
    if error is not NoError:
        raise error()


def failure(bootstrap: str, error: KafkaError, what: str) -> SmaError:
    """Return the one line for an error; `what` names what could not be done."""
    kind = Unanswered if isinstance(error, KafkaConnectionError) else Refused
    return kind("Kafka", bootstrap, f"{what}: {error}")
