"""The service that writes heartbeats, as a process of a test's own place, and what it has written."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.kafka.offsets import ends, starts
from heartbeats.records import Record, read_ranges
from sma.event import Heartbeat, read_record
from sma.settings import CHECKOUT
from tests.support.superuser import as_superuser

DEADLINE_S = 60.0


class Service:
    """A running service; it prints its log to a file."""

    def __init__(self, process, log: Path):
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running_service(place, log: Path) -> Iterator[Service]:
    """Run the service of a place, whose SMA_AVERAGES has the rule, until the block ends."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "heartbeats"], cwd=CHECKOUT, env=place.environ, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield Service(process, log)
        finally:
            process.kill()


def every_record(place) -> list[Record]:
    """Return the records of the topic `events`, those of a partition in order."""
    settings, topic = as_superuser(place.settings), place.settings.events_topic
    first, end = starts(settings, topic), ends(settings, topic)
    return list(read_ranges(settings, topic, {number: (first[number], end[number]) for number in end}))


def heartbeats(place) -> dict[int, list[tuple[int, int]]]:
    """Return the log times of the heartbeats of each partition, and the timestamps of their records."""
    found = defaultdict(list)
    for record in every_record(place):
        read = read_record(record.key, record.value, record.timestamp_ms, 10**15)
        if isinstance(read, Heartbeat):
            found[record.partition].append((read.log_time_ms, record.timestamp_ms))
    return found


def await_true(is_true, what, limit_s: float = DEADLINE_S) -> None:
    """Wait until something is true; `what` is, or returns, what the failure shows."""
    deadline = time.monotonic() + limit_s
    while not is_true():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.1)
