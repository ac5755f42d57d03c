"""Makes the roles of customers, limits what they use of the server, and compares their passwords with the given ones.

A role may lift most limits for its own sessions, and change its own password: PostgreSQL forbids neither. So each
migration sets the limits again, and a password that has been changed is reported. What a customer reads belongs to
`database.customer_views`.
"""

import secrets
from hashlib import sha256
from typing import Literal

import psycopg
from psycopg import Connection, sql

from clients.statements import load_statements
from sma.errors import SmaError, first_line_of

PasswordState = Literal["as_given", "changed", "no_role", "unknown"]
"""`changed`: by somebody who had logged in as the customer; `unknown`: the server does not let the owner compare."""

CONNECTIONS = 20
"""Sessions that a customer may have: a report opens several at once."""

TEMP_FILE_LIMIT = "2GB"
"""Temporary files of a session at one time; only a superuser, or who was granted the parameter, can change it."""

SESSION_DEFAULTS = {
    "statement_timeout": "15min",
    "transaction_timeout": "30min",
    "idle_in_transaction_session_timeout": "5min",
    "idle_session_timeout": "1h",
    "lock_timeout": "10s",
    "work_mem": "32MB",
    "hash_mem_multiplier": "1",
    "max_parallel_workers_per_gather": "2",
    "timezone": "UTC",
}
"""What a customer's session begins with and may change."""

_END_MS = 5_000
_SQL = load_statements(__file__)


def make_role(connection: Connection, role: str, schema: str) -> str:
    """Make a role that may connect to this database, begins in its schema, and is nothing else; return its password.

    Raises:
        SmaError: the role cannot be made.
    """
    try:
        connection.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS"
            ).format(sql.Identifier(role))
        )
    except psycopg.Error as error:
        raise SmaError(f"the role {role} cannot be made: {first_line_of(error)}") from error
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(connection.info.dbname), sql.Identifier(role)
        )
    )
    limit_role(connection, role, schema)
    return give_password(connection, role)


def has_role(connection: Connection, role: str) -> bool:
    """Return whether the server has a role."""
    return connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def limit_customers(connection: Connection) -> None:
    """Set the limits of every customer's role again; leaves out a role that the owner of the database did not make.

    Does nothing where there is no table of customers yet.
    """
    if connection.execute("SELECT to_regclass('sma.customers') IS NULL").fetchone() == (True,):
        return
    for role, schema in connection.execute("SELECT role_name, schema_name FROM sma.customers").fetchall():
        if has_role(connection, role):
            try:
                with connection.transaction():
                    limit_role(connection, role, schema)
            except psycopg.errors.InsufficientPrivilege:
                continue  # `sma customer list` reports what it may do


def limit_role(connection: Connection, role: str, schema: str) -> None:
    """Limit a role's sessions and what each may use, and forget the defaults that it has set for itself."""
    whom, where = sql.Identifier(role), sql.Identifier(connection.info.dbname)
    if connection.info.server_version >= 160_000:  # so that the owner sees the role's sessions, and can end them
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE").format(whom))
    else:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(whom))
    connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(whom, sql.Literal(CONNECTIONS)))
    connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(whom))
    connection.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(whom, where))
    begin = sql.SQL("ALTER ROLE {} IN DATABASE {} SET ").format(whom, where)
    connection.execute(begin + sql.SQL("search_path = {}").format(sql.Identifier(schema)))
    for setting, value in SESSION_DEFAULTS.items():
        if setting != "transaction_timeout" or connection.info.server_version >= 170_000:
            connection.execute(begin + sql.SQL("{} = {}").format(sql.Identifier(setting), sql.Literal(value)))
    try:
        with connection.transaction():
            connection.execute(begin + sql.SQL("temp_file_limit = {}").format(sql.Literal(TEMP_FILE_LIMIT)))
    except psycopg.errors.InsufficientPrivilege:
        pass  # nobody granted it to the owner: `sma customer list` reports that there is no limit


def give_password(connection: Connection, role: str) -> str:
    """Give a role a new password, let it log in, and return the password."""
    password = secrets.token_urlsafe(24)
    verifier = _verifier(connection, role, password)
    connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
    connection.execute(
        "UPDATE sma.customers SET password_digest = %s, rotated_at = now() WHERE role_name = %s",
        (sha256(verifier.encode()).hexdigest(), role),
    )
    return password


def end_sessions(connection: Connection, role: str) -> None:
    """Let nobody log in as a role any more, and end its sessions; the connection must not be in a transaction."""
    connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
    connection.execute(
        "SELECT pg_terminate_backend(pid, %s) FROM pg_catalog.pg_stat_activity WHERE usename = %s", (_END_MS, role)
    )


def left_open(connection: Connection, role: str) -> tuple[str, ...]:
    """Return what a role may do that sql/superuser/restrict_public.sql, or a right to connect, would close."""
    if not has_role(connection, role):
        return ()
    return tuple(what for (what,) in connection.execute(_SQL["list_left_open"], {"role": role}))


def password_state(connection: Connection, role: str, given_digest: str | None) -> PasswordState:
    """Compare the password of a role with the one it was last given.

    Args:
        connection: of the owner.
        role: of a customer.
        given_digest: of the verifier that the role was last given; None where it was not kept.
    """
    if not has_role(connection, role):
        return "no_role"
    if given_digest is None or connection.execute(_SQL["has_digests"]).fetchone() != (True,):
        return "unknown"
    try:
        ((digest,),) = connection.execute(_SQL["read_digest"], {"role": role}).fetchall()
    except psycopg.errors.InsufficientPrivilege:  # the function was restored without a superuser
        return "unknown"
    return "as_given" if digest == given_digest else "changed"


def _verifier(connection: Connection, role: str, password: str) -> str:
    """Return the verifier that the server stores, so that the password itself is never sent and never logged."""
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
