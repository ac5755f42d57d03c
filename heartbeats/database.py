"""Asks the database who writes heartbeats, and what is known of the log there. It is read as any reader may.

The lock is of a session of PostgreSQL: it goes with the process that has it, however that ends, and with the database.
"""

from clients.postgres import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


def take_lock(connection: Connection, topic: str) -> bool:
    """Take the lock of the one writer to a topic, for as long as the session lives; return whether it was free."""
    connection.execute(_SQL["keep_alive"])
    ((is_taken,),) = connection.execute(_SQL["take_lock"], {"topic": topic}).fetchall()
    return bool(is_taken)


def read_floors(connection: Connection) -> dict[str, dict[int, int]]:
    """Return the max log time of each partition as it is indexed: topic id -> partition -> milliseconds."""
    floors: dict[str, dict[int, int]] = {}
    for topic_id, partition, max_log_time_ms in connection.execute(_SQL["read_floors"]):
        floors.setdefault(topic_id, {})[partition] = max_log_time_ms
    return floors


def read_max_ahead_ms(connection: Connection, of_file_ms: int) -> int:
    """Return the shorter `max_ahead` of the job and of averages.yaml: no part of the system accepts more."""
    row = connection.execute(_SQL["read_max_ahead"]).fetchone()
    return of_file_ms if row is None else min(of_file_ms, row[0])
