"""Defines the two kinds of window. Each layer selects the events of a window for itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CountWindow:
    """The last `event_count` events."""

    event_count: int


@dataclass(frozen=True, slots=True)
class DurationWindow:
    """The events of the last `duration_ms`: T - duration_ms <= event time < T at the grid point T."""

    duration_ms: int
