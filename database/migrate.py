"""Migrates the database to this checkout's SQL: migrations run once, functions and views each time.

`migrations/NNNN_name.sql` each run in a transaction of their own, in the order of their numbers, and are recorded with
their digest in `migrations.applied`; one that was edited, is missing or comes too early is refused. `functions/*.sql`
and `views/*.sql` run each time, in one transaction and the order of their names; they use CREATE OR REPLACE, and where
the columns changed the views are dropped first. The views of each customer, which depend on them, are then made again,
and the limits of its role set again.
A migration that changes what a view needs drops that view itself.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from clients import postgres
from clients.postgres import Connection
from database.customer_roles import limit_customers
from database.customer_views import remake_customer_views
from sma.errors import SmaError, first_line_of
from sma.settings import CHECKOUT

SQL_DIR = CHECKOUT / "sql"
_LOCK = 0x736D61  # one migrating session at a time in each database: "sma" in ASCII
_FILE_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Script:
    """A file of SQL: its name and its text."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The digest under which it is recorded."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(owner_url: str, sql_dir: Path = SQL_DIR) -> list[str]:
    """Migrate a database to the SQL files; return the names of the migrations that were applied.

    Args:
        owner_url: PostgreSQL URL of the role that owns the schemas.
        sql_dir: the folder that has `migrations`, `functions` and `views`.

    Raises:
        SmaError: the database cannot be reached, a file and the record disagree, or a file fails. What failed left
            nothing behind; the migrations before it stay.
    """
    migrations = read_migrations(sql_dir / "migrations")
    replaced = [
        Script(path.name, path.read_text())
        for folder in ("functions", "views")
        for path in sorted((sql_dir / folder).glob("*.sql"))
    ]
    with connect(owner_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        recorded = _read_record(connection)
        pending = pending_migrations(migrations, recorded)
        for script in pending:
            _apply(connection, script)
        _replace(connection, replaced)
    return [script.name for script in pending]


def read_migrations(folder: Path) -> list[Script]:
    """Return the migrations of a folder in order.

    Raises:
        SmaError: a name is not NNNN_name.sql, or two have the same number.
    """
    scripts: list[Script] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise SmaError(f"{path.name}: a migration is named NNNN_name.sql, in small letters")
        if scripts and scripts[-1].name[:4] == match[1]:
            raise SmaError(f"{path.name}: has the number of {scripts[-1].name}")
        scripts.append(Script(path.name, path.read_text()))
    return scripts


def pending_migrations(migrations: Sequence[Script], recorded: Sequence[tuple[str, str]]) -> list[Script]:
    """Return the migrations still to apply.

    Args:
        migrations: those of the checkout, in order.
        recorded: name and digest of those applied to the database, in order.

    Raises:
        SmaError: a recorded one was edited or is missing, or one that was never applied comes before a recorded one.
    """
    by_name = {script.name: script for script in migrations}
    for name, sha256 in recorded:
        if name not in by_name:
            raise SmaError(f"{name}: was applied to this database but its file is missing")
        if by_name[name].sha256 != sha256:
            raise SmaError(f"{name}: was edited after it was applied: restore it and add a new migration instead")
    applied = {name for name, _ in recorded}
    pending = [script for script in migrations if script.name not in applied]
    if pending and recorded and pending[0].name < recorded[-1][0]:
        raise SmaError(f"{pending[0].name}: comes before {recorded[-1][0]}, which is applied already: renumber it")
    return pending


def connect(url: str) -> Connection:
    """Return an autocommit connection.

    Raises:
        SmaError: the server cannot be reached, or refuses; the URL's password is not shown.
    """
    return postgres.connect(SecretStr(url), "SMA_OWNER_DATABASE_URL", "migrations")


def _read_record(connection: Connection) -> list[tuple[str, str]]:
    connection.execute("CREATE SCHEMA IF NOT EXISTS migrations")
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS migrations.applied (
            name text PRIMARY KEY,
            sha256 text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    return connection.execute("SELECT name, sha256 FROM migrations.applied ORDER BY name").fetchall()


def _apply(connection: Connection, script: Script) -> None:
    try:
        with connection.transaction():
            connection.execute(script.text.encode())
            connection.execute(
                "INSERT INTO migrations.applied (name, sha256) VALUES (%s, %s)", (script.name, script.sha256)
            )
    except psycopg.Error as error:
        raise SmaError(f"{script.name}: {first_line_of(error)}") from error


def _replace(connection: Connection, scripts: Sequence[Script]) -> None:
    try:
        _run_scripts(connection, scripts, drop_views=False)
    except psycopg.errors.InvalidTableDefinition:  # a column was taken away or renamed
        _run_scripts(connection, scripts, drop_views=True)


def _run_scripts(connection: Connection, scripts: Sequence[Script], drop_views: bool) -> None:
    name = ""
    try:
        with connection.transaction():
            for schema, view in connection.execute(_OWN_VIEWS).fetchall() if drop_views else []:
                connection.execute(sql.SQL("DROP VIEW IF EXISTS {} CASCADE").format(sql.Identifier(schema, view)))
            for script in scripts:
                name = script.name
                connection.execute(script.text.encode())
            name = "the views of customers"
            remake_customer_views(connection)
            name = "the limits of customers"
            limit_customers(connection)
    except psycopg.errors.InvalidTableDefinition:
        if not drop_views:
            raise
        raise SmaError(f"{name}: its columns do not fit the view that is there") from None
    except psycopg.Error as error:
        raise SmaError(f"{name}: {first_line_of(error)}") from error


_OWN_VIEWS = """
    SELECT schemaname, viewname
    FROM pg_catalog.pg_views
    WHERE viewowner = current_user AND schemaname IN ('sma', 'serving')
"""


def restrict_public(superuser_url: str, sql_dir: Path = SQL_DIR) -> None:
    """Take from PUBLIC what customers must not have, and give it to the project's roles, in a migrated database.

    Args:
        superuser_url: PostgreSQL URL of a superuser in that database.
        sql_dir: the folder that has `superuser`.

    Raises:
        SmaError: the database cannot be reached or refuses.
    """
    script = sql_dir / "superuser" / "restrict_public.sql"
    with connect(superuser_url) as connection:
        try:
            with connection.transaction():
                connection.execute(script.read_bytes())
        except psycopg.Error as error:
            raise SmaError(f"{script.name}: {first_line_of(error)}") from error


def create_database(owner_url: str, name: str, sql_dir: Path = SQL_DIR) -> None:
    """Make a database next to that of `owner_url` and migrate it, e.g. one for each test module.

    Args:
        owner_url: PostgreSQL URL of the owner role in any database of the server; the role may create databases.
        name: of the new database; see `with_database` for the URLs of it.
        sql_dir: the folder that has `migrations`, `functions` and `views`.
    """
    with connect(owner_url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(with_database(owner_url, name), sql_dir)


def copy_database(owner_url: str, template: str, name: str) -> None:
    """Copy a database, with its settings and the privileges to connect to it; no session may be open in the original.

    Args:
        owner_url: as for `create_database`.
        template: the database to copy; one of the owner's.
        name: of the new database.
    """
    with connect(owner_url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        for role, privilege in connection.execute(_DATABASE_PRIVILEGES, (template,)).fetchall():
            grantee = sql.Identifier(role) if role else sql.SQL("PUBLIC")
            connection.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(privilege), sql.Identifier(name), grantee)
            )
        for (setting,) in connection.execute(_DATABASE_SETTINGS, (template,)).fetchall():
            parameter, _, value = setting.partition("=")
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(name), sql.Identifier(*parameter.split(".")), sql.Literal(value)
                )
            )


_DATABASE_PRIVILEGES = """
    SELECT
        roles.rolname,
        granted.privilege_type
    FROM pg_catalog.pg_database AS databases
    CROSS JOIN LATERAL pg_catalog.aclexplode(databases.datacl) AS granted
    LEFT JOIN pg_catalog.pg_roles AS roles ON roles.oid = granted.grantee
    WHERE databases.datname = %s
"""

_DATABASE_SETTINGS = """
    SELECT unnest(settings.setconfig)
    FROM pg_catalog.pg_db_role_setting AS settings
    INNER JOIN pg_catalog.pg_database AS databases ON databases.oid = settings.setdatabase
    WHERE databases.datname = %s AND settings.setrole = 0
"""


def drop_database(owner_url: str, name: str) -> None:
    """Drop a database that `create_database` made, whoever is still connected to it, and its customers' roles."""
    with connect(owner_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        roles = connection.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE starts_with(rolname, %s)", (f"{name}/",)
        ).fetchall()
        for (role,) in roles:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def with_database(url: str, name: str) -> str:
    """Return a PostgreSQL URL with another database in it; role, password and server stay."""
    head, query = (url.split("?", 1) + [""])[:2]
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def truncate_tables(owner_url: str) -> list[str]:
    """Empty every table of `sma` but the definitions and the customers, in one transaction; return their names."""
    with connect(owner_url) as connection, connection.transaction():
        tables = connection.execute(
            "SELECT tablename FROM pg_catalog.pg_tables"
            " WHERE schemaname = 'sma' AND tablename NOT IN ('averages', 'customers') ORDER BY tablename"
        ).fetchall()
        names = [name for (name,) in tables]
        if names:
            connection.execute(
                sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(sql.Identifier("sma", name) for name in names))
            )
    return names
