"""Computes the lookback of windows: how far before a row its events can be, in time and in number of events."""

from collections.abc import Sequence

from sma.averages import Average
from sma.window import CountWindow, DurationWindow


def longest_ms(averages: Sequence[Average]) -> int:
    """Return how long before a row the events can be on which its existence or its duration window depends."""
    durations = [average.window.duration_ms for average in averages if isinstance(average.window, DurationWindow)]
    # a row of a count window needs an event in the last `every` before it
    return max(*durations, *(average.every_ms for average in averages), 0)


def most_events(averages: Sequence[Average]) -> int:
    """Return how many events the largest count window holds; 0 where there is none."""
    counts = [average.window.event_count for average in averages if isinstance(average.window, CountWindow)]
    return max(counts, default=0)
