"""Decides which partitions get a heartbeat, and of what time. Pure: no clock, no Kafka."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sma.averages import Heartbeats


@dataclass(frozen=True, slots=True)
class Tail:
    """What is known of a partition's newest records; times in milliseconds since the Unix epoch.

    max_log_time_ms: of its events and heartbeats, or less where newer ones are far before its end; None without any.
    last_timestamp_ms: of its last record; None where it has none, or Kafka gave it none.
    """

    max_log_time_ms: int | None = None
    last_timestamp_ms: int | None = None


def newest_log_time_ms(tails: Iterable[Tail]) -> int | None:
    """Return the newest log time of all partitions; None where no partition has one."""
    return max((tail.max_log_time_ms for tail in tails if tail.max_log_time_ms is not None), default=None)


def below(tails: Mapping[int, Tail], time_ms: int) -> list[int]:
    """Return the partitions whose newest log time is before a time, ascending; those without one too."""
    return sorted(
        number for number, tail in tails.items() if tail.max_log_time_ms is None or tail.max_log_time_ms < time_ms
    )


def idle(tails: Mapping[int, Tail], idle_after_ms: int, now_ms: int) -> set[int]:
    """Return the partitions that have had no record for `idle_after_ms`, by the timestamps of records.

    Where this machine's clock is behind the broker's, the newest timestamp is nearer to the broker's.
    """
    timestamps_ms = [tail.last_timestamp_ms for tail in tails.values() if tail.last_timestamp_ms is not None]
    now_ms = max([now_ms, *timestamps_ms])
    return {
        number
        for number, tail in tails.items()
        if tail.last_timestamp_ms is None or now_ms - tail.last_timestamp_ms >= idle_after_ms
    }


def due(tails: Mapping[int, Tail], heartbeats: Heartbeats, idle_after_ms: int, now_ms: int) -> dict[int, int]:
    """Return the heartbeats to write now: partition -> its time.

    A log without an event or heartbeat gets none: there is nothing to close.

    Args:
        tails: of every partition.
        heartbeats: of averages.yaml: `newest`, `clock` or `off`.
        idle_after_ms: of averages.yaml.
        now_ms: this machine's clock; a heartbeat counts as of its record's timestamp at most, so it closes nothing
            early where this clock is ahead of the broker's.
    """
    newest_ms = newest_log_time_ms(tails.values())
    if heartbeats == "off" or newest_ms is None:
        return {}
    time_ms = now_ms if heartbeats == "clock" else newest_ms
    quiet = idle(tails, idle_after_ms, now_ms)
    return {number: time_ms for number in below(tails, time_ms) if number in quiet}
