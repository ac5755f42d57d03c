"""The rules that both layers share: events, values, averages, windows, times; and the settings of all parts.

Reads averages.yaml, sma.env and the environment, and talks to no service. Imports no other package of this project,
until `sma.read` is used (docs/decisions/0043-read-is-offered-lazily.md).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Callable[..., Any]:
    """Return `reader.read.read` as `sma.read`: served averages as a polars frame."""
    if name != "read":
        raise AttributeError(f"module 'sma' has no attribute {name!r}")
    read: Callable[..., Any] = import_module("reader.read").read
    return read
