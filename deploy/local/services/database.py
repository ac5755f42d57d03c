"""Prepares the local PostgreSQL for the migrations: its files, the roles' passwords, the two databases."""

import secrets
import shutil
from pathlib import Path

from psycopg import Connection, sql

from database.migrate import connect, migrate, restrict_public
from deploy.local.account import give_to_postgres, require_enterable, run_as_postgres
from deploy.local.environment import ROLES, Environment
from deploy.local.folders import make_postgres_home
from deploy.local.services.programs import POSTGRES_BIN
from sma.errors import SmaError

_OWNER = "sma_owner"


def prepare_cluster(environment: Environment) -> None:
    """Make PostgreSQL's data folder unless it exists; one that was interrupted is made again.

    Raises:
        SmaError: the user of PostgreSQL cannot enter the folder, or initdb fails.
    """
    home = make_postgres_home(environment.state_dir)
    data = home / "data"
    require_enterable(home)
    require_enterable(POSTGRES_BIN)
    if data.exists():
        return
    unfinished = home / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    give_to_postgres(unfinished)
    _run_initdb(home, unfinished, environment.password("postgres"))
    unfinished.rename(data)


def _run_initdb(home: Path, data: Path, password: str) -> None:
    password_file = home / f"{secrets.token_hex(4)}.initdb"
    password_file.touch(mode=0o600)
    try:
        password_file.write_text(password)
        give_to_postgres(password_file)
        result = run_as_postgres(
            [
                str(POSTGRES_BIN / "initdb"),
                f"--pgdata={data}",
                "--username=postgres",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
            ]
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        lines = result.stderr.decode(errors="replace").strip().splitlines()
        raise SmaError(f"initdb: {lines[-1] if lines else 'failed without a reason'}")


def prepare_databases(environment: Environment) -> None:
    """Make roles and databases, their passwords and rights, and run the migrations; a second run changes nothing."""
    with connect(environment.superuser_url("postgres")) as connection:
        _ensure_role(connection, _OWNER, sql.SQL("LOGIN CREATEROLE CREATEDB"))
        _ensure_role(connection, "sma_dagster", sql.SQL("LOGIN"))
        _set_password(connection, environment, _OWNER)
        _ensure_database(connection, "sma", _OWNER)
        _ensure_database(connection, "dagster", "sma_dagster")
        # a customer's role could connect to any of them, and make temporary tables there
        connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE dagster, postgres, template1 FROM PUBLIC")
        # to drop a database that is in use, and to limit customers, as migrations do
        connection.execute("GRANT pg_signal_backend TO sma_owner")
        connection.execute("GRANT SET ON PARAMETER temp_file_limit TO sma_owner")
        migrate(environment.values["SMA_OWNER_DATABASE_URL"])
        restrict_public(environment.superuser_url("sma"))
        connection.execute("GRANT pg_read_all_stats TO sma_reader")  # what sessions do, for the metrics
        for role in ROLES:
            if role != "postgres":  # whatever customers do, connections are left for these (postgresql.conf)
                connection.execute(sql.SQL("GRANT pg_use_reserved_connections TO {}").format(sql.Identifier(role)))
            if role not in ("postgres", _OWNER):
                _set_password(connection, environment, role)


def _ensure_role(connection: Connection, role: str, options: sql.SQL) -> None:
    if connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), options))


def _set_password(connection: Connection, environment: Environment, role: str) -> None:
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(environment.password(role)))
    )


def _ensure_database(connection: Connection, name: str, owner: str) -> None:
    if connection.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
