"""Assigns the loopback ports that a stack listens on, and names the process that uses a taken one.

A stack takes a block of ports from SMA_PORT_BASE on; SMA_KAFKA_PORT and the like move single ones elsewhere.
"""

import errno
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.local.processes import MARKER
from sma.errors import SmaError

LOOPBACK = "127.0.0.1"
DEFAULT_BASE = 19000
PORT_OFFSETS = {
    "kafka": 0,
    "kafka_controller": 1,
    "postgres": 2,
    "flink": 3,
    "flink_rpc": 4,
    "dagster": 5,
    "prometheus": 6,
    "alertmanager": 7,
    "exporter": 8,
    "flink_metrics": 9,
    "flink_metrics_2": 10,
    "dagster_code": 11,
    "overview": 12,
    "kafka_2": 13,  # the rest listen only with three brokers, or with TLS
    "kafka_3": 14,
    "kafka_controller_2": 15,
    "kafka_controller_3": 16,
    "kafka_internal": 17,
    "kafka_internal_2": 18,
    "kafka_internal_3": 19,
    "kafka_tokens": 20,
}
BLOCK_SIZE = 30
_LOWEST_BASE, _HIGHEST_BASE = 20000, 32000  # below the ports that the system hands out by itself


def choose_ports(environ: Mapping[str, str]) -> dict[str, int]:
    """Return the port of each listener, by its name in PORT_OFFSETS.

    Args:
        environ: where SMA_PORT_BASE and SMA_<NAME>_PORT may be set.

    Raises:
        SmaError: a variable is not a port, or two listeners would share one.
    """
    base = _read_port(environ, "SMA_PORT_BASE", DEFAULT_BASE)
    ports = {
        name: _read_port(environ, f"SMA_{name.upper()}_PORT", base + offset) for name, offset in PORT_OFFSETS.items()
    }
    by_port: dict[int, str] = {}
    for name, port in ports.items():
        if port in by_port:
            raise SmaError(f"port {port} is meant for both {by_port[port]} and {name}: set SMA_{name.upper()}_PORT")
        by_port[port] = name
    return ports


def _read_port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "").strip() or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise SmaError(f"{variable}: {text!r} is not a port from 1024 to 65535")
    return int(text)


def free_port_base() -> int:
    """Return an SMA_PORT_BASE whose whole block is free now, e.g. for a stack of the tests.

    Raises:
        SmaError: a hundred random blocks all have a port in use.
    """
    for _ in range(100):
        base = random.SystemRandom().randrange(_LOWEST_BASE, _HIGHEST_BASE, BLOCK_SIZE)  # whatever a test has seeded
        if all(is_free(port) for port in range(base, base + BLOCK_SIZE)):
            return base
    raise SmaError(f"no block of {BLOCK_SIZE} free ports between {_LOWEST_BASE} and {_HIGHEST_BASE}")


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def require_free(port: int, part: str) -> None:
    """Refuse a port that somebody else listens on.

    Raises:
        SmaError: names the port, the part that wants it, the process that has it if it can be known, and the way out.
    """
    if not is_free(port):
        holder = port_holder(port) or "another process"
        raise SmaError(
            f"port {port}, wanted by {part}, is in use by {holder}: stop that, or set SMA_PORT_BASE to move this stack"
        )


def port_holder(port: int) -> str | None:
    """Return who listens on a port, as `name (pid N)`, with the stack it is of; None where this user may not know."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    target = str(descriptor.readlink())
                    if target.startswith("socket:[") and target[8:-1] in inodes:
                        return _describe(process)
    return None


def _describe(process: Path) -> str:
    name = f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    for variable in (process / "environ").read_bytes().split(b"\0"):
        if variable.startswith(f"{MARKER}=".encode()):
            return f"{name} of the stack in {variable.partition(b'=')[2].decode(errors='replace')}"
    return name


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
