"""Opens a read-only session on one state of the tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pydantic import SecretStr

from clients import postgres
from clients.postgres import Connection


@contextmanager
def session(url: SecretStr, setting: str) -> Iterator[Connection]:
    """Open a read-only session in which every query sees the tables as they are at the first.

    Args:
        url: PostgreSQL URL of a role that may read every table.
        setting: what errors call the URL.

    Raises:
        SmaError: the database does not answer or refuses.
    """
    with postgres.session(url, setting, "reader") as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            yield connection
