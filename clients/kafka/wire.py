"""Talks to one Kafka broker over one socket, in the requests and responses of kafka-python's classes.

The versions of the protocol are those of Kafka 2.3; every later Kafka supports them. A process that reads the log
loads this module and not librdkafka; without TLS and a login, it loads nothing that these need.
"""

import select
import socket
import ssl
import time
from struct import Struct
from typing import Any, TypeVar

from kafka.cluster import collect_hosts
from kafka.errors import KafkaConnectionError, KafkaError, KafkaProtocolError, NoError, for_code

from clients.answers import ANSWER_TIMEOUT_S, Refused, Unanswered
from clients.kafka.denied import closed_early, denial, tls_denied, tls_wanted
from clients.kafka.security import has_sasl, has_tls
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection

MAX_ANSWER_BYTES = 256 * 2**20  # no response may be larger, whatever the size of a record batch

_CLIENT_ID = "sma"
_SIZE = Struct(">i")
_CLOSED = "the connection was closed"
_TLS_ALERT = 0x1503  # the first two bytes of what a server that speaks TLS answers to one that does not
_RENEW_AT = 0.85  # of a session's life, as Kafka's clients do at the earliest
_SOONEST_RENEWAL_S = 1.1  # a broker takes none within a second

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

    def __init__(self, settings: KafkaConnection, address: Address, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Connect, and log in where that is wanted.

        Args:
            settings: as whom, and how.
            address: of the broker.
            timeout_s: how long to wait for each sign of the broker.

        Raises:
            Denied: the broker is not trusted, or refuses the principal.
            KafkaError: it does not answer.
            SmaError: a setting is missing or wrong, or no token can be had.
        """
        self.name = "{}:{}".format(*address)
        self.settings = settings
        self.address = address
        self._asked = 0
        self._is_whole = True  # each request so far has had its response
        self._throttled_until = 0.0
        self._renew_at = float("inf")
        self._socket = self._connected(timeout_s)
        if has_sasl(settings):
            try:
                self._log_in()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    @property
    def is_usable(self) -> bool:
        """Whether another request can be sent, as far as is known."""
        return self._is_whole and not self.is_closed

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed here."""
        return self._socket.fileno() < 0

    @property
    def is_open(self) -> bool:
        """Whether it is usable and the broker has not closed it; not while a response is awaited."""
        if not self.is_usable:
            return False
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return not waiting.poll(0)

    def wait_for(self, timeout_s: float) -> None:
        """Wait so long for each sign of the broker from now on."""
        self._socket.settimeout(timeout_s)

    def ask(self, request: Any, response: Any) -> Any:
        """Return the response to a request, decoded by its class of responses.

        Raises:
            Denied: the broker refuses the principal.
            KafkaError: it does not answer, or not as a broker does.
        """
        return self._decoded(request, response, self.ask_bytes(request))

    def raise_for(self, code: int, *needs: str) -> None:
        """Raise the error of a code in a response; 0 is none.

        Args:
            code: of the response.
            needs: what the request needs, such as "Describe on Topic:events".

        Raises:
            Denied: the request is not allowed.
            KafkaError: any other error.
        """
        denied = denial(self.settings, code, needs)
        if denied is not None:
            raise denied
        raise_for(code)

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
            Denied: as `ask`.
            KafkaError: as `ask`.
        """
        time.sleep(self.throttled_s)
        if time.monotonic() >= self._renew_at:
            self._log_in()
        return self._exchange(request)

    def _decoded(self, request: Any, response: Any, body: memoryview) -> Any:
        decoded = response.decode(body.tobytes(), version=request.API_VERSION)
        self.throttle(getattr(decoded, "throttle_time_ms", None) or 0)
        return decoded

    def _ask_now(self, request: Any, response: Any) -> Any:
        return self._decoded(request, response, self._exchange(request))

    def _exchange(self, request: Any) -> memoryview:
        self._asked += 1
        self._is_whole = False
        request.with_header(correlation_id=self._asked, client_id=_CLIENT_ID)
        try:
            self._socket.sendall(request.encode(framed=True, header=True))
            (size,) = _SIZE.unpack_from(self._receive(memoryview(bytearray(_SIZE.size))))
            if not _SIZE.size <= size <= MAX_ANSWER_BYTES:
                if size >> 16 == _TLS_ALERT:
                    raise tls_wanted(self.settings, self.name)
                raise KafkaProtocolError(f"{self.name}: a response of {size} bytes")
            response = self._receive(self._memory(size))
        except OSError as error:
            raise self._lost(error) from error
        (correlation_id,) = _SIZE.unpack_from(response)
        if correlation_id != self._asked:
            raise KafkaProtocolError(f"{self.name}: request {self._asked} was answered as if it were {correlation_id}")
        self._is_whole = True
        return response[_SIZE.size :]

    def _memory(self, size: int) -> memoryview:
        """Return memory for a response of that many bytes."""
        return memoryview(bytearray(size))

    def _receive(self, received: memoryview) -> memoryview:
        left = received
        while left:
            count = self._socket.recv_into(left)
            if not count:
                raise ConnectionResetError(_CLOSED)
            left = left[count:]
        return received

    def _connected(self, timeout_s: float) -> socket.socket:
        try:
            plain = socket.create_connection(self.address, timeout_s)
        except OSError as error:
            raise self._lost(error) from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not has_tls(self.settings):
            return plain
        from clients.kafka.login import tls_context  # which loads what logs in

        try:
            context = tls_context(self.settings)
            return context.wrap_socket(plain, server_hostname=self.address[0]) if context else plain
        except OSError as error:
            plain.close()
            raise self._lost(error) from error
        except BaseException:
            plain.close()
            raise

    def _log_in(self) -> None:
        """Begin a session, or renew the one that is about to end."""
        from clients.kafka.session import log_in

        began = time.monotonic()
        lifetime_s = log_in(
            self.settings,
            self.address[0],
            lambda asked, response: self._decoded(asked, response, self._exchange(asked)),
        )
        self._renew_at = began + max(_SOONEST_RENEWAL_S, _RENEW_AT * lifetime_s) if lifetime_s else float("inf")

    def _lost(self, error: OSError) -> KafkaError | SmaError:
        if isinstance(error, ssl.SSLError) and (denied := tls_denied(self.settings, self.name, error)) is not None:
            return denied
        why = str(error)
        if self._asked <= 1 and isinstance(error, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError):
            why = f"{_CLOSED}: {closed_early(self.settings)}"
        lost: KafkaError = KafkaConnectionError(f"{self.name}: {why}")
        return lost


Connected = TypeVar("Connected", bound=Wire)


def raise_for(code: int) -> None:
    """Raise the error of a code in a response; 0 is none."""
    error = for_code(code)
    if error is not NoError:
        raise error()


def failure(bootstrap: str, error: KafkaError, what: str) -> SmaError:
    """Return the one line for an error; `what` names what could not be done."""
    kind = Unanswered if isinstance(error, KafkaConnectionError) else Refused
    return kind("Kafka", bootstrap, f"{what}: {error}")
