"""Defines how long both readers of the log wait for Kafka, what they refuse to read, and their errors.

Each error is worded once, so that a user reads the same text from either reader.
"""

from sma.errors import SmaError

FURTHEST_AHEAD_MS = 2**62


class FastReaderUnavailable(SmaError):
    """The fast reader cannot serve this broker or these record batches, though nothing is wrong with them."""


def require_range(where: str, start: int, end: int) -> None:
    """Refuse a range of Kafka offsets that is none.

    Raises:
        SmaError: it is none.
    """
    if not 0 <= start <= end:
        raise SmaError(f"{where}: {start} to {end} is no range of Kafka offsets")


def require_max_ahead(max_ahead_ms: int) -> None:
    """Refuse a `max_ahead` that 64 bits cannot add to any time.

    Raises:
        SmaError: it is out of range.
    """
    if abs(max_ahead_ms) > FURTHEST_AHEAD_MS:
        raise SmaError(f"max_ahead: {max_ahead_ms} ms is out of range")


def not_retained(where: str, position: int, end: int) -> SmaError:
    """Return the error for Kafka offsets that Kafka does not hold."""
    return SmaError(
        f"{where} no longer holds the Kafka offsets {position} to {end - 1}, or never did: nothing was "
        "read in their place; `sma status` shows what Kafka retains"
    )


def silent(bootstrap: str, seconds: float, where: str, position: int, end: int) -> SmaError:
    """Return the error for a Kafka that answers, but has sent no record of a range for so long."""
    return SmaError(
        f"Kafka at {bootstrap} sent nothing for {seconds:.0f} seconds while {where} was "
        f"being read from Kafka offset {position} to {end}: is it running, and is no transaction open there?"
    )


def could_not_be_read(where: str, position: int) -> str:
    """Return the failed action, for the error of a Kafka that does not answer or refuses."""
    return f"{where} could not be read from Kafka offset {position}"
