"""The service: looks at the log again and again, and writes the heartbeats that are due.

One process writes at a time; another waits for its lock. Whatever does not answer is asked again at the next look.
"""

import logging
import time
from collections.abc import Callable

from clients.postgres import Connection, session
from heartbeats.database import read_floors, read_max_ahead_ms, take_lock
from heartbeats.rule import due
from heartbeats.tails import Tails
from heartbeats.write import write_heartbeats
from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import Settings

LOOKS_PER_IDLE_AFTER = 4
LONGEST_PAUSE_S = 15.0
SHORTEST_PAUSE_S = 0.5
_LOG = logging.getLogger("heartbeats")

Pause = Callable[[float], bool]
"""(seconds) -> whether the service is to end."""


class Service:
    """Writes heartbeats to the topic of `settings`, until `pause` says that it is over."""

    def __init__(self, settings: Settings, pause: Pause) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._pause = pause
        self._tails = Tails(settings)
        self._said, self._has_failed = "", False
        self._pause_s = LONGEST_PAUSE_S

    def run(self) -> None:
        """Take the lock and write, again after each failure."""
        is_over = False
        while not is_over:
            try:
                with session(self._settings.database_url, "SMA_DATABASE_URL", "heartbeats") as connection:
                    is_over = self._stand_by(connection) or self._lead(connection)
            except SmaError as error:
                self._say(logging.WARNING, str(error))
                is_over = self._pause(self._pause_s)

    def _stand_by(self, connection: Connection) -> bool:
        """Wait for the lock; return whether the service is to end."""
        while not take_lock(connection, self._settings.events_topic):
            self._say(logging.INFO, "another process writes heartbeats: waiting")
            if self._pause(self._pause_s):
                return True
        self._say(logging.INFO, f"writing heartbeats to {self._settings.events_topic} where they are due")
        return False

    def _lead(self, connection: Connection) -> bool:
        """Look and write until the service is to end, or the session that has the lock is lost."""
        while True:
            try:
                self.look(connection)
                if self._has_failed:
                    self._say(logging.INFO, "everything answers again")
            except SmaError as error:  # Kafka, or averages.yaml; a lost session ends the loop
                self._say(logging.WARNING, str(error))
            if self._pause(self._pause_s):
                return True

    def look(self, connection: Connection) -> None:
        """Write the heartbeats that are due by now.

        Raises:
            SmaError: Kafka does not answer, or averages.yaml has a mistake.
            psycopg.Error: the session is lost, and the lock with it; nothing was written.
        """
        averages = load_averages(self._settings.averages)  # a changed file counts from the next look on
        self._pause_s = pause_s(averages)
        floors, max_ahead_ms = read_floors(connection), read_max_ahead_ms(connection, averages.max_ahead_ms)
        if averages.heartbeats == "off":
            self._say(logging.INFO, "heartbeats are off in averages.yaml")
            return
        tails = self._tails.look(max_ahead_ms, floors)
        now_ms = time.time_ns() // 1_000_000
        heartbeats = due(tails, averages.heartbeats, averages.idle_after_ms, now_ms)
        if not heartbeats or not self._tails.is_present():
            return
        for written in write_heartbeats(self._settings, heartbeats, now_ms):
            self._tails.note_written(written.partition, written.heartbeat_ms, written.timestamp_ms)
        self._say(logging.INFO, f"wrote heartbeats to the partitions {', '.join(map(str, sorted(heartbeats)))}")

    def _say(self, level: int, text: str) -> None:
        """Log a line once, and not at each look."""
        if text != self._said:
            _LOG.log(level, text)
        self._said, self._has_failed = text, level >= logging.WARNING


def pause_s(averages: Averages) -> float:
    """Return how long to wait between two looks, in seconds."""
    return min(max(averages.idle_after_ms / 1_000 / LOOKS_PER_IDLE_AFTER, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
