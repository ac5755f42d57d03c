"""PostgreSQL: opens a connection, and turns its errors into one line that never shows the URL's password.

What a query is for belongs to the caller.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from clients.answers import ANSWER_TIMEOUT_S, Refused, Unanswered
from sma.errors import SmaError, first_line_of

Connection = psycopg.Connection[tuple[Any, ...]]

_SERVICE = "the database"
_SERVER_REASON = "FATAL:"  # how the server begins its reason; no message of the client does


def connect(
    url: SecretStr, setting: str, part: str, *, autocommit: bool = True, timeout_s: float = ANSWER_TIMEOUT_S
) -> Connection:
    """Open a connection; whoever opens it closes it.

    Args:
        url: PostgreSQL URL with the role's credential.
        setting: what errors call the URL.
        part: the part of the system that connects, as the server's list of sessions shows it.
        autocommit: whether only `transaction()` begins a transaction.
        timeout_s: how long the server may take to accept.

    Raises:
        SmaError: the URL is not set or cannot be read, or the server does not answer or refuses.
    """
    where = _where(url, setting)
    try:
        return psycopg.connect(
            url.get_secret_value(),
            autocommit=autocommit,
            prepare_threshold=None,  # a plan for any values looks at every chunk of a hypertable
            connect_timeout=round(timeout_s),
            application_name=f"sma {part}",
        )
    except psycopg.Error as error:
        detail = first_line_of(error)
        if _SERVER_REASON in detail:
            raise Refused(_SERVICE, where, detail[detail.index(_SERVER_REASON) :]) from error
        raise Unanswered(_SERVICE, where, detail) from error


@contextmanager
def session(
    url: SecretStr, setting: str, part: str, *, autocommit: bool = True, timeout_s: float = ANSWER_TIMEOUT_S
) -> Iterator[Connection]:
    """Open a connection as `connect` does and close it at the end, committed where nothing failed.

    Raises:
        SmaError: as `connect`, or the database refuses a statement or is lost.
    """
    connection = connect(url, setting, part, autocommit=autocommit, timeout_s=timeout_s)
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise SmaError(f"{_SERVICE} at {_where(url, setting)}: {first_line_of(error)}") from error


def _where(url: SecretStr, setting: str) -> str:
    """Return host, port and database of a URL; libpq's message about an unreadable one may contain the password."""
    if not url.get_secret_value():
        raise SmaError(f"{setting} is not set: start the local stack with `sma up`, or set it")
    try:
        parts = conninfo_to_dict(url.get_secret_value())
    except psycopg.Error:
        parts = {"port": "unreadable"}
    host, port, database = (str(parts.get(name) or "") for name in ("host", "port", "dbname"))
    if not port.replace(",", "").isdecimal() and port or "@" in database:
        raise SmaError(f"{setting} is no PostgreSQL URL, as postgresql://user:password@host:port/database") from None
    return f"{host or 'localhost'}:{port or 5432}/{database}"
