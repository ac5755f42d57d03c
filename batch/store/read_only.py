"""Opens a read-only session with a time limit, for sensors and checks that query the database often."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from batch.store.database import Connection, connect, snapshot
from clients.statements import load_statements
from sma.settings import DatabaseSettings

LIMIT_SECONDS = 20.0

_SQL = load_statements(__file__)


@contextmanager
def read_only_session(settings: DatabaseSettings, limit_seconds: float = LIMIT_SECONDS) -> Iterator[Connection]:
    """Open a read-only session on one snapshot of the tables, for `limit_seconds` altogether.

    Raises:
        SmaError: the database does not answer or refuses, or the session took longer.
    """
    with limited_session(settings.batch_database_url, "SMA_BATCH_DATABASE_URL", limit_seconds) as connection:
        yield connection


@contextmanager
def limited_session(url: SecretStr, setting: str, limit_seconds: float) -> Iterator[Connection]:
    """Open a read-only session as any role, as `read_only_session` does; `setting` names the URL in errors.

    Raises:
        SmaError: as `read_only_session`.
    """
    with connect(url, setting) as connection:
        limit_time(connection, limit_seconds)
        connection.read_only = True
        with snapshot(connection):
            yield connection


def limit_time(connection: Connection, limit_seconds: float) -> None:
    """End each later transaction of a session that takes longer than `limit_seconds`."""
    connection.execute(_SQL["limit_time"], {"limit": f"{limit_seconds:g}s"})
