"""Adds, lists and removes customers that read for themselves: a role and a schema of views for each, nothing shared.

A role belongs to the whole server, a customer to one database, so the role is named after both. Passwords are made
here, given out once, and kept nowhere: the server gets the verifier that SCRAM needs, made on this side.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import Connection, sql

from database.customer_views import grant_views, make_customer_views
from database.migrate import connect
from sma.errors import SmaError, first_line_of
from sma.event import name_fault

SCHEMA_PREFIX = "customer/"
_MOST_BYTES = 63  # of an identifier in PostgreSQL
_DIGEST_CHARACTERS = 12
_CONNECTIONS = 20  # a report opens several at once; one customer cannot take all that the server has


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer that reads for itself.

    Attributes:
        customer: as events name it.
        role: its role on the server.
        schema: of its views.
        created_at: when it was added.
        rotated_at: when it last got a new password.
        connections: how many sessions its role has now.
    """

    customer: str
    role: str
    schema: str
    created_at: datetime
    rotated_at: datetime
    connections: int


@dataclass(frozen=True, slots=True)
class Access:
    """What a customer connects with: its role, the schema of its views, the password, and all in one URL."""

    customer: str
    role: str
    schema: str
    password: str
    url: str
    has_rows: bool


def add_customer(owner_url: str, customer: str) -> Access:
    """Make a customer's role and views; refuse a customer that exists, and keep its password.

    Args:
        owner_url: PostgreSQL URL of the role that owns the schemas; it may create roles.
        customer: as events name it; it needs no rows yet.

    Raises:
        SmaError: it is no name of a customer, is there already, or the database refuses.
    """
    fault = name_fault(customer)
    if fault is not None:
        raise SmaError(f"{customer!r} cannot be a customer: {fault}")
    password = secrets.token_urlsafe(24)
    with _owner(owner_url) as connection, connection.transaction():
        if _find(connection, customer) is not None:
            raise SmaError(f"customer {customer} is there already: `sma customer rotate` gives it a new password")
        role = shortened(f"{_database(connection)}/", customer)
        schema = shortened(SCHEMA_PREFIX, customer)
        _make_role(connection, role, schema, password)
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        make_customer_views(connection, customer, schema)
        grant_views(connection, schema, role)
        connection.execute(
            "INSERT INTO sma.customers (customer, role_name, schema_name) VALUES (%s, %s, %s)", (customer, role, schema)
        )
        return _access(connection, owner_url, customer, role, schema, password)


def rotate_password(owner_url: str, customer: str) -> Access:
    """Give a customer a new password; the old one opens no session from then on, and sessions that are open stay.

    Raises:
        SmaError: there is no such customer, or the database refuses.
    """
    password = secrets.token_urlsafe(24)
    with _owner(owner_url) as connection, connection.transaction():
        role, schema = _require(connection, customer)
        if _has_role(connection, role):
            verifier = sql.Literal(_verifier(connection, role, password))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), verifier))
        else:  # the database came here from another server, without its roles
            _make_role(connection, role, schema, password)
            grant_views(connection, schema, role)
        connection.execute("UPDATE sma.customers SET rotated_at = now() WHERE customer = %s", (customer,))
        return _access(connection, owner_url, customer, role, schema, password)


def remove_customer(owner_url: str, customer: str) -> None:
    """Remove a customer's role and views, and end its sessions; its rows stay.

    Raises:
        SmaError: there is no such customer, or the database refuses.
    """
    with _owner(owner_url) as connection:
        role, schema = _require(connection, customer)
        if _has_role(connection, role):
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s", (role,)
            )
        with connection.transaction():
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            if _has_role(connection, role):
                connection.execute(
                    sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(
                        sql.Identifier(_database(connection)), sql.Identifier(role)
                    )
                )
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
            connection.execute("DELETE FROM sma.customers WHERE customer = %s", (customer,))


def list_customers(owner_url: str) -> list[Customer]:
    """Return the customers that read for themselves, by name."""
    with _owner(owner_url) as connection:
        rows = connection.execute(
            """
            SELECT
                customer,
                role_name,
                schema_name,
                created_at,
                rotated_at,
                (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = role_name)
            FROM sma.customers
            ORDER BY customer
            """
        ).fetchall()
    return [Customer(*row) for row in rows]


def shortened(prefix: str, customer: str) -> str:
    """Return an identifier for a customer: prefix and name; where that is too long, its head and a digest of it."""
    whole = f"{prefix}{customer}"
    if len(whole.encode()) <= _MOST_BYTES:
        return whole
    digest = sha256(customer.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    head = whole.encode()[: _MOST_BYTES - _DIGEST_CHARACTERS - 1].decode(errors="ignore")
    return f"{head}~{digest}"


@contextmanager
def _owner(owner_url: str) -> Iterator[Connection]:
    try:
        with connect(owner_url) as connection:
            yield connection
    except psycopg.Error as error:
        raise SmaError(f"the database: {first_line_of(error)}") from error


def _find(connection: Connection, customer: str) -> tuple[str, str] | None:
    return connection.execute(
        "SELECT role_name, schema_name FROM sma.customers WHERE customer = %s", (customer,)
    ).fetchone()


def _require(connection: Connection, customer: str) -> tuple[str, str]:
    role_and_schema = _find(connection, customer)
    if role_and_schema is None:
        raise SmaError(f"there is no customer {customer}: `sma customer list` shows those there are")
    return role_and_schema


def _database(connection: Connection) -> str:
    return connection.info.dbname


def _has_role(connection: Connection, role: str) -> bool:
    return connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _make_role(connection: Connection, role: str, schema: str, password: str) -> None:
    """Make a role that may connect to this database, begins in its schema, and is nothing else."""
    try:
        connection.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS"
                " CONNECTION LIMIT {} PASSWORD {}"
            ).format(
                sql.Identifier(role), sql.Literal(_CONNECTIONS), sql.Literal(_verifier(connection, role, password))
            )
        )
    except psycopg.Error as error:
        raise SmaError(f"the role {role} cannot be made: {first_line_of(error)}") from error
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(_database(connection)), sql.Identifier(role)
        )
    )
    _set_search_path(connection, role, schema)


def _set_search_path(connection: Connection, role: str, schema: str) -> None:
    """Let the role name its views without their schema, and show times in UTC."""
    whom, database = sql.Identifier(role), sql.Identifier(_database(connection))
    for setting in (sql.SQL("search_path = {}").format(sql.Identifier(schema)), sql.SQL("timezone = 'UTC'")):
        connection.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET {}").format(whom, database, setting))


def _verifier(connection: Connection, role: str, password: str) -> str:
    """Return the verifier that the server stores, so that the password itself is never sent and never logged."""
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def _access(connection: Connection, owner_url: str, customer: str, role: str, schema: str, password: str) -> Access:
    place = urlsplit(owner_url)
    server = place.netloc.rpartition("@")[2]
    who, word, where = (quote(part, safe="") for part in (role, password, _database(connection)))
    url = f"postgresql://{who}:{word}@{server}/{where}"
    rows = connection.execute("SELECT FROM sma.every_series WHERE customer = %s LIMIT 1", (customer,)).fetchone()
    return Access(customer, role, schema, password, url, rows is not None)
