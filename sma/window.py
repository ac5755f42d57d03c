"""Defines the two kinds of window. Each layer selects the events of a window for itself."""

from dataclasses import dataclass

from sma.durations import format_duration


@dataclass(frozen=True, slots=True)
class CountWindow:
    """The last `event_count` events."""

    event_count: int


@dataclass(frozen=True, slots=True)
class DurationWindow:
    """The events of the last `duration_ms`: T - duration_ms <= event time < T at the grid point T."""

    duration_ms: int


def window_in_words(window: CountWindow | DurationWindow) -> str:
    """Return a window as averages.yaml has it, e.g. `20 events` or `1 hour`."""
    return f"{window.event_count} events" if isinstance(window, CountWindow) else format_duration(window.duration_ms)
