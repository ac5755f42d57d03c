"""A Kafka broker of one or more connections that sends what a test put there, whatever it is asked."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from struct import pack
from types import MappingProxyType
from typing import TypeVar

from clients.kafka.wire import Address, Wire
from sma.settings import Settings

HERE = "127.0.0.1"
_FETCH, _METADATA = 1, 3
FIRST = 1  # the correlation id of a connection's first request

Range = tuple[int, int]
Connected = TypeVar("Connected", bound=Wire)


@contextmanager
def broker_that_sends(connect: Callable[[Settings, Address, float], Connected], *answers: bytes) -> Iterator[Connected]:
    """A connection to a broker that sends this for each request, and ends the connection behind the last."""
    with broker_at([answers]) as address, closing(connect(Settings(), address, 5)) as broker:
        yield broker


@contextmanager
def broker_at(connections: Sequence[Sequence[bytes]]) -> Iterator[Address]:
    """The address of a broker that sends these answers on one connection after the other."""
    with socket.create_server((HERE, 0)) as server:

        def answer() -> None:
            for answers in connections:
                connection, _ = server.accept()
                with connection:
                    for each in answers:
                        size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
                        connection.recv(size, socket.MSG_WAITALL)
                        connection.sendall(each)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()
        thread.join()


def framed(body: bytes, correlation_id: int = FIRST) -> bytes:
    """Return an answer as it is sent."""
    return pack(">ii", 4 + len(body), correlation_id) + body


def versions_answer(
    metadata: Range | None = (0, 12),
    fetch: Range | None = (0, 16),
    others: Mapping[int, Range] = MappingProxyType({}),
    error: int = 0,
) -> bytes:
    """The answer of a broker that offers these versions of requests; of Metadata and Fetch as Kafka 3, unless given."""
    offered = {**others, _METADATA: metadata, _FETCH: fetch}
    known = [(key, *its) for key, its in offered.items() if its is not None]
    return framed(pack(">hi", error, len(known)) + b"".join(pack(">hhh", *each) for each in known))
