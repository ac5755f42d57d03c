"""Writes heartbeats once, because somebody asks for it: of the newest log time, of the clock, or of a given time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from clients.postgres import session
from heartbeats.database import read_floors, read_max_ahead_ms
from heartbeats.rule import Tail, below, newest_log_time_ms
from heartbeats.tails import Tails
from heartbeats.write import Written, write_heartbeats
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import Settings


@dataclass(frozen=True, slots=True)
class Done:
    """What was written, and the partitions that were left out: their newest log time is not before the heartbeat's."""

    heartbeat_ms: int
    written: tuple[Written, ...]
    left_out: tuple[int, ...]


def heartbeat(
    settings: Settings, *, at_ms: int | None = None, is_now: bool = False, partitions: Sequence[int] = ()
) -> Done:
    """Write a heartbeat to each of some partitions whose newest log time is before it.

    Args:
        settings: where Kafka and the database are; without the database, what is known of the log is its bounded tails.
        at_ms: its time, in milliseconds since the Unix epoch.
        is_now: whether its time is this machine's clock; else it is the newest log time of all partitions.
        partitions: of the topic `events`; all unless given.

    Raises:
        SmaError: Kafka does not answer, there is no such partition, or the log has neither an event nor a heartbeat
            whose time could be taken.
    """
    now_ms = time.time_ns() // 1_000_000
    averages = load_averages(settings.averages)
    tails = _tails(settings, averages.max_ahead_ms)
    unknown = sorted(set(partitions) - tails.keys())
    if unknown:
        raise SmaError(f"{settings.events_topic} has no partition {unknown[0]}: it has 0 to {max(tails)}")
    time_ms = now_ms if is_now else at_ms if at_ms is not None else newest_log_time_ms(tails.values())
    if time_ms is None:
        raise SmaError(
            f"{settings.events_topic} has neither an event nor a heartbeat, so there is no newest time and nothing to "
            "close: publish events with `sma produce`, or give --at or --now"
        )
    wanted = sorted(set(partitions) or tails)
    due = [number for number in below(tails, time_ms) if number in wanted]
    written = write_heartbeats(settings, dict.fromkeys(due, time_ms), now_ms) if due else []
    return Done(time_ms, tuple(written), tuple(number for number in wanted if number not in due))


def _tails(settings: Settings, max_ahead_ms: int) -> dict[int, Tail]:
    try:
        with session(settings.database_url, "SMA_DATABASE_URL", "heartbeat") as connection:
            floors, max_ahead_ms = read_floors(connection), read_max_ahead_ms(connection, max_ahead_ms)
    except SmaError:  # a newest time that is a little too low closes less
        floors = {}
    return Tails(settings).look(max_ahead_ms, floors)
