"""Opens a read-only session with a time limit, for sensors and checks that query the database again and again."""

from collections.abc import Iterator
from contextlib import contextmanager

from batch.store.database import Connection, connect, snapshot
from batch.store.statements import load_statements
from sma.settings import DatabaseSettings

LIMIT_SECONDS = 20.0

_SQL = load_statements(__file__)


@contextmanager
def look(settings: DatabaseSettings, limit_seconds: float = LIMIT_SECONDS) -> Iterator[Connection]:
    """Show the tables as they are at one moment, for `limit_seconds` altogether; nothing can be written.

    Raises:
        SmaError: the database does not answer or refuses, or the look took longer.
    """
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        connection.execute(_SQL["limit_time"], {"limit": f"{limit_seconds:g}s"})
        connection.read_only = True
        with snapshot(connection):
            yield connection
