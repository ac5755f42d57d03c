"""The tables that a benchmark fills and compares: made, emptied, counted and compared as the database's superuser."""

from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from bench.cluster import STATE_DIR
from deploy.local.environment import read_environment
from sma.errors import SmaError

_STATEMENTS = Path(__file__).resolve().parent / "statements"


def make_like(name: str, ours: str) -> None:
    """Make a hypertable with the key and chunks of one of ours, unless it is there."""
    execute(_filled("hypertable_like", table=_identifier(name), table_name=Literal(name), ours=_identifier(ours)))


def empty(*names: str) -> None:
    """Empty tables, and write out what PostgreSQL would otherwise write out during the next run."""
    for name in names:
        execute(SQL("TRUNCATE {}").format(_identifier(name)))
    execute(SQL("CHECKPOINT"))


def count_rows(name: str) -> int:
    """Return how many rows a table has."""
    return _ask(SQL("SELECT count(*) FROM {}").format(_identifier(name)))


def require_same_rows(ours: str, theirs: str) -> None:
    """Refuse a comparison of what did not write the same.

    Raises:
        SmaError: says how many rows differ.
    """
    differing = _ask(_filled("differing_rows", ours=_identifier(ours), theirs=_identifier(theirs)))
    if differing:
        raise SmaError(f"{ours} and {theirs} differ in {differing} rows: the comparison means nothing")


def execute(statements: Composable) -> None:
    """Execute statements that answer nothing."""
    with psycopg.connect(superuser_url(), autocommit=True) as connection:
        connection.execute(statements)


def superuser_url() -> str:
    """Return the URL under which everything may be done.

    Raises:
        SmaError: there is no stack.
    """
    environment = read_environment(STATE_DIR)
    if environment is None:
        raise SmaError(f"{STATE_DIR}: no stack has been started there")
    return environment.superuser_url("sma")


def _ask(statement: Composable) -> int:
    with psycopg.connect(superuser_url()) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _filled(name: str, **names: Composable) -> Composable:
    return SQL((_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")).format(**names)


def _identifier(name: str) -> Identifier:
    return Identifier(*name.split("."))
