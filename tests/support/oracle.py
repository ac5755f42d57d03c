"""The answers, worked out a second way: plain Python, whole numbers and fractions, no code of the project.

Slow and obvious on purpose. An event here is (customer, metric, event time in ms, value as decimal text); events come
in the order of the log, of which only that within a series matters.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

Event = tuple[str, str, int, str]
Key = tuple[str, str, int]
Pair = tuple[int, int]


def micros(text: str) -> int:
    """Round half away from zero to 6 decimals."""
    exact = Fraction(text) * 10**6
    magnitude = floor(abs(exact) + Fraction(1, 2))
    return -magnitude if exact < 0 else magnitude


def duration_windows(
    events: Iterable[Event], duration_ms: int, every_ms: int, offset_ms: int = 0
) -> Mapping[Key, Pair]:
    """Return (sum in micro-units, count) for each (customer, metric, as_of) whose window holds an event.

    Every grid point between the first and the last is tried against every event of its series.
    """
    answers: dict[Key, Pair] = {}
    for (customer, metric), series in _by_series(events).items():
        for as_of in _grid(series, every_ms, offset_ms, beyond_ms=duration_ms):
            inside = [value for event_time_ms, value in series if as_of - duration_ms <= event_time_ms < as_of]
            if inside:
                answers[customer, metric, as_of] = (sum(inside), len(inside))
    return answers


def count_windows(events: Iterable[Event], event_count: int, every_ms: int, offset_ms: int = 0) -> Mapping[Key, Pair]:
    """Return (sum in micro-units, count) of the last `event_count` events before each grid point.

    They are the last by event time, and of equal times by their order in the log; there is an answer where one of the
    series' events lies between the grid point and the one before it.
    """
    answers: dict[Key, Pair] = {}
    for (customer, metric), series in _by_series(events).items():
        in_time_order = sorted(series, key=lambda event: event[0])  # equal times stay in the order of the log
        for as_of in _grid(series, every_ms, offset_ms, beyond_ms=0):
            if not any(as_of - every_ms <= event_time_ms < as_of for event_time_ms, _ in series):
                continue
            before = [value for event_time_ms, value in in_time_order if event_time_ms < as_of]
            last = before[max(0, len(before) - event_count) :]
            answers[customer, metric, as_of] = (sum(last), len(last))
    return answers


def late_by_series(
    events: Sequence[Event], allowed_lateness_ms: int, timestamps_ms: Sequence[int] | None = None
) -> set[int]:
    """Return the places in `events` of the late ones.

    An event is late when one of its series that stands before it is newer by more than `allowed_lateness_ms`: by its
    event time, or by the timestamp that Kafka gave it where that is earlier.
    """
    late: set[int] = set()
    log_times_ms = [
        event[2] if timestamps_ms is None else min(event[2], timestamps_ms[place]) for place, event in enumerate(events)
    ]
    for place, (customer, metric, event_time_ms, _) in enumerate(events):
        for earlier, log_time_ms in zip(events[:place], log_times_ms, strict=False):
            if earlier[:2] == (customer, metric) and log_time_ms - event_time_ms > allowed_lateness_ms:
                late.add(place)
    return late


def known_from_ms(
    records: Sequence[tuple[Hashable, int]],
    allowed_lateness_ms: int,
    max_ahead_ms: int,
    appended_ms: int | None = None,
) -> dict[Hashable, int]:
    """Return for each series the time from which on all its events are known, where those before `records` are gone.

    Args:
        records: (series, log time) of one partition, in the order of the log; the series of a heartbeat is None.
        allowed_lateness_ms: by how much the log is out of order at most.
        max_ahead_ms: by how much an event time is later than its log time at most.
        appended_ms: when Kafka took the first record; None where the timestamps are the producers'.
    """
    first = list(records[:20])
    heartbeats = [place for place, (series, _) in enumerate(first) if series is None]
    newest = max(time_ms for _, time_ms in first[: heartbeats[0] + 1 if heartbeats else None])
    known: dict[Hashable, int] = {}
    for series, time_ms in records:
        if series is not None and series not in known:
            in_order = max(newest, time_ms) + allowed_lateness_ms
            known[series] = (in_order if appended_ms is None else min(in_order, appended_ms)) + max_ahead_ms + 1
    return known


def average(value_sum_micros: int, event_count: int) -> Fraction:
    """Return sum / count rounded half away from zero to 9 decimals."""
    exact = Fraction(value_sum_micros, event_count * 10**6) * 10**9
    magnitude = floor(abs(exact) + Fraction(1, 2))
    return Fraction(-magnitude if exact < 0 else magnitude, 10**9)


def _by_series(events: Iterable[Event]) -> Mapping[tuple[str, str], list[tuple[int, int]]]:
    by_series: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for customer, metric, event_time_ms, value in events:
        by_series[customer, metric].append((event_time_ms, micros(value)))
    return by_series


def _grid(series: Sequence[tuple[int, int]], every_ms: int, offset_ms: int, beyond_ms: int) -> range:
    """Return the grid points from the oldest event to past the newest one, and `beyond_ms` further."""
    oldest = min(event_time_ms for event_time_ms, _ in series)
    newest = max(event_time_ms for event_time_ms, _ in series)
    first = floor(Fraction(oldest - offset_ms, every_ms)) * every_ms + offset_ms
    return range(first, newest + beyond_ms + every_ms + 1, every_ms)
