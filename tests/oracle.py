"""The answers, worked out a second way: plain Python, whole numbers and fractions, no code of the project.

Slow and obvious on purpose. An event here is (customer, metric, event time in ms, value as decimal text).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

Key = tuple[str, str, int]
Pair = tuple[int, int]


def micros(text: str) -> int:
    """Round half away from zero to 6 decimals."""
    exact = Fraction(text) * 10**6
    magnitude = floor(abs(exact) + Fraction(1, 2))
    return -magnitude if exact < 0 else magnitude


def windows(events: Iterable[tuple[str, str, int, str]], window_ms: int, every_ms: int) -> Mapping[Key, Pair]:
    """Return (sum in micro-units, count) for each (customer, metric, as_of) whose window holds an event.

    Every grid point between the first and the last is tried against every event of its series.
    """
    by_series: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for customer, metric, event_time_ms, value in events:
        by_series[customer, metric].append((event_time_ms, micros(value)))
    answers: dict[Key, Pair] = {}
    for (customer, metric), series in by_series.items():
        oldest = min(event_time_ms for event_time_ms, _ in series)
        newest = max(event_time_ms for event_time_ms, _ in series)
        first = floor(Fraction(oldest, every_ms)) * every_ms
        for as_of in range(first, newest + window_ms + every_ms + 1, every_ms):
            inside = [value for event_time_ms, value in series if as_of - window_ms <= event_time_ms < as_of]
            if inside:
                answers[customer, metric, as_of] = (sum(inside), len(inside))
    return answers


def late_positions(times_of_one_partition: Sequence[int], delay_ms: int) -> set[int]:
    """Return the positions of the late events of one partition, whose records have these times, in log order.

    An event is late when it stands at or behind the watermark that the records before it in its partition raised.
    """
    late: set[int] = set()
    for position, event_time_ms in enumerate(times_of_one_partition):
        before = times_of_one_partition[:position]
        if before and event_time_ms <= max(before) - delay_ms:
            late.add(position)
    return late


def average(value_sum_micros: int, event_count: int) -> Fraction:
    """Return sum / count rounded half away from zero to 9 decimals."""
    exact = Fraction(value_sum_micros, event_count * 10**6) * 10**9
    magnitude = floor(abs(exact) + Fraction(1, 2))
    return Fraction(-magnitude if exact < 0 else magnitude, 10**9)
