"""Selects the events of one window of a series, and adds them up in whole micro-units.

Simple and slow, for windows that are shown one by one; rows by the million are computed in
`batch.windows.partition_windows`. Reading events does not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sma.averages import Average
from sma.window import CountWindow


@dataclass(frozen=True, slots=True)
class SeriesEvent:
    """An event of the explained series.

    newest_before_ms: of a late event the max event time of the series before it in the log; None where it is not
        late.
    """

    kafka_partition: int
    kafka_offset: int
    event_time_ms: int
    value_micros: int
    newest_before_ms: int | None = None

    @property
    def is_late(self) -> bool:
        """Whether the stream uses it in no window."""
        return self.newest_before_ms is not None

    @property
    def behind_ms(self) -> int | None:
        """How far a late event is behind the max event time before it; None where it is not late."""
        return None if self.newest_before_ms is None else self.newest_before_ms - self.event_time_ms

    @property
    def position(self) -> tuple[int, int]:
        """Its position in the log: partition, Kafka offset."""
        return self.kafka_partition, self.kafka_offset


@dataclass(frozen=True, slots=True)
class Pair:
    """What both layers store of a window, exactly."""

    value_sum_micros: int
    event_count: int


def by_time(events: Sequence[SeriesEvent]) -> list[SeriesEvent]:
    """Return events by event time, and of equal times by their position in the log."""
    return sorted(events, key=lambda event: (event.event_time_ms, *event.position))


def window_of(average: Average, as_of_ms: int, events: Sequence[SeriesEvent]) -> tuple[SeriesEvent, ...]:
    """Return the events of the window before `as_of_ms`, by time; none where no row exists.

    Args:
        average: its window, and its grid.
        as_of_ms: a point of that grid.
        events: of one series, in any order: all that the window can hold, and perhaps others.
    """
    before = by_time([event for event in events if event.event_time_ms < as_of_ms])
    if not isinstance(average.window, CountWindow):
        return tuple(event for event in before if event.event_time_ms >= as_of_ms - average.window.duration_ms)
    if not before or before[-1].event_time_ms < as_of_ms - average.every_ms:
        return ()
    return tuple(before[-average.window.event_count :])


def pair_of(window: Sequence[SeriesEvent]) -> Pair | None:
    """Return the sum of the events of a window; None where there are none, and so no row."""
    return Pair(sum(event.value_micros for event in window), len(window)) if window else None
