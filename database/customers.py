"""Adds, lists and removes customers that read for themselves: a role and a schema of views for each, nothing shared.

A role belongs to the whole server, a customer to one database, so the role is named after both. Passwords are given out
once and kept nowhere. What a role is limited to belongs to `database.customer_roles`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import Connection, sql

from database.customer_roles import (
    PasswordState,
    end_sessions,
    give_password,
    has_role,
    left_open,
    limit_role,
    make_role,
    password_state,
)
from database.customer_views import grant_views, make_customer_views
from database.migrate import connect
from sma.errors import SmaError, first_line_of
from sma.event import name_fault

SCHEMA_PREFIX = "customer/"
_MOST_BYTES = 63  # of an identifier in PostgreSQL
_DIGEST_CHARACTERS = 12


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
        password_state: whether its role still has the password that was given out.
        left_open: what its role may do that the server's superuser could close.
    """

    customer: str
    role: str
    schema: str
    created_at: datetime
    rotated_at: datetime
    connections: int
    password_state: PasswordState
    left_open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """What a customer connects with: its role, the schema of its views, the password, and all in one URL.

    `left_open` is what the role may do that the server's superuser could close.
    """

    customer: str
    role: str
    schema: str
    password: str
    url: str
    has_rows: bool
    left_open: tuple[str, ...]


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
    with _owner(owner_url) as connection, connection.transaction():
        if _find(connection, customer) is not None:
            raise SmaError(f"customer {customer} is there already: `sma customer rotate` gives it a new password")
        role = shortened(f"{_database(connection)}/", customer)
        schema = shortened(SCHEMA_PREFIX, customer)
        connection.execute(
            "INSERT INTO sma.customers (customer, role_name, schema_name) VALUES (%s, %s, %s)", (customer, role, schema)
        )
        password = make_role(connection, role, schema)
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        make_customer_views(connection, customer, schema)
        grant_views(connection, schema, role)
        return _access(connection, owner_url, customer, role, schema, password)


def rotate_password(owner_url: str, customer: str, *, ends_sessions: bool = False) -> Access:
    """Give a customer a new password and set its limits again; the old password opens no session from then on.

    Args:
        owner_url: as for `add_customer`.
        customer: one that was added.
        ends_sessions: end the sessions that are open: whoever has one could change the password again.

    Raises:
        SmaError: there is no such customer, or the database refuses.
    """
    with _owner(owner_url) as connection:
        role, schema = _require(connection, customer)
        exists = has_role(connection, role)
        if exists and ends_sessions:
            end_sessions(connection, role)
        with connection.transaction():
            if exists:
                limit_role(connection, role, schema)
                password = give_password(connection, role)
            else:  # the database came here from another server, without its roles
                password = make_role(connection, role, schema)
                grant_views(connection, schema, role)
            return _access(connection, owner_url, customer, role, schema, password)


def remove_customer(owner_url: str, customer: str) -> None:
    """Remove a customer's role and views, and end its sessions; its rows stay.

    Raises:
        SmaError: there is no such customer, or the database refuses.
    """
    with _owner(owner_url) as connection:
        role, schema = _require(connection, customer)
        if has_role(connection, role):
            end_sessions(connection, role)
        with connection.transaction():
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            if has_role(connection, role):
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
                (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = role_name),
                password_digest
            FROM sma.customers
            ORDER BY customer
            """
        ).fetchall()
        return [
            Customer(
                customer,
                role,
                schema,
                created_at,
                rotated_at,
                connections,
                password_state(connection, role, digest),
                left_open(connection, role),
            )
            for customer, role, schema, created_at, rotated_at, connections, digest in rows
        ]


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


def _access(connection: Connection, owner_url: str, customer: str, role: str, schema: str, password: str) -> Access:
    place = urlsplit(owner_url)
    server = place.netloc.rpartition("@")[2]
    who, word, where = (quote(part, safe="") for part in (role, password, _database(connection)))
    url = f"postgresql://{who}:{word}@{server}/{where}"
    rows = connection.execute("SELECT FROM sma.every_series WHERE customer = %s LIMIT 1", (customer,)).fetchone()
    return Access(customer, role, schema, password, url, rows is not None, left_open(connection, role))
