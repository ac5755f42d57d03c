"""The rule of the origin: from which time on all events of a series are known, where the log's beginning is gone.

The origin of a partition is the first record that was read of it. Nothing is known of those before: Kafka took them
before the origin, so their log times are not after its timestamp; and a log has its events about in order, so their log
times are not after those of its first events, and of the first event of their series, but for `allowed_lateness`. An
event time is at most `max_ahead` after its log time. Origin.java in the operator is the same rule; see
docs/decisions/0056-the-origin-of-a-partition.md.
"""

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from sma.limits import ORIGIN_EVENTS

Ints = NDArray[np.int64]

EVERYTHING_MS = -(1 << 62)
"""From when on a series is known of which the log has the beginning."""

PRODUCERS_CLOCK_MS = 1 << 62
"""When Kafka took the first record, where the record's timestamp is its producer's."""


@dataclass(slots=True)
class Origin:
    """What tells the time from which on a partition is known.

    kafka_offset: of the first record that Kafka had when the partition was first read, or before it.
    appended_ms: when Kafka took that record; None before there is one.
    max_log_time_ms: of the first events, and of a heartbeat among them; None before there is one.
    events_to_go: how many more events are taken.
    """

    kafka_offset: int
    appended_ms: int | None = None
    max_log_time_ms: int | None = None
    events_to_go: int = ORIGIN_EVENTS

    def take(
        self, event_offsets: Ints, event_times_ms: Ints, heartbeat_offsets: Ints, heartbeat_times_ms: Ints
    ) -> None:
        """Take the next records of the partition.

        Args:
            event_offsets: Kafka offsets of the events, ascending.
            event_times_ms: their log times.
            heartbeat_offsets: those of the heartbeats, ascending.
            heartbeat_times_ms: their log times.
        """
        wanted = self.events_to_go
        if wanted == 0:
            return
        times_ms = event_times_ms[:wanted].tolist()
        self.events_to_go -= len(times_ms)
        if heartbeat_offsets.size and (before := int(np.searchsorted(event_offsets, heartbeat_offsets[0]))) < wanted:
            times_ms = [*times_ms[:before], int(heartbeat_times_ms[0])]
            self.events_to_go = 0
        if times_ms:
            newest_ms = max(times_ms)
            self.max_log_time_ms = newest_ms if self.max_log_time_ms is None else max(self.max_log_time_ms, newest_ms)

    @overload
    def known_from_ms(self, first_log_time_ms: int, allowed_lateness_ms: int, max_ahead_ms: int) -> int: ...
    @overload
    def known_from_ms(self, first_log_time_ms: Ints, allowed_lateness_ms: int, max_ahead_ms: int) -> Ints: ...
    def known_from_ms(self, first_log_time_ms: Any, allowed_lateness_ms: int, max_ahead_ms: int) -> Any:
        """Return the time from which on all events of a series are known, by the log time of its first event.

        Of an array of such log times, int64, an array of that length.
        """
        newest_ms = EVERYTHING_MS if self.max_log_time_ms is None else self.max_log_time_ms
        in_order_ms = np.maximum(first_log_time_ms, newest_ms) + allowed_lateness_ms
        appended_ms = PRODUCERS_CLOCK_MS if self.appended_ms is None else self.appended_ms
        return np.minimum(in_order_ms, appended_ms) + max_ahead_ms + 1
