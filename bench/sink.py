"""Rows into TimescaleDB: our job with its sink, and Flink SQL with the JDBC sink, into tables laid out alike.

Both state the same thing, each second by itself, which costs either next to nothing: what is measured is the writing.
Both tables are empty before each run, and must hold the same rows after it.
"""

from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from bench import flink_sql, ours
from bench.cluster import STATE_DIR
from bench.events import Log
from deploy.local.environment import read_environment
from sma.errors import SmaError

_STATEMENTS = Path(__file__).resolve().parent / "statements"
_OURS = "sma.streaming_averages"
_THEIRS = "sma.bench_averages"


def run_ours(log: Log) -> tuple[float, int]:
    """Run our job with the database and return its seconds and rows."""
    _empty(_OURS)
    seconds = ours.run(log, "sink", ours.SECOND, writes_rows=True)
    return seconds, _rows(_OURS)


def run_jdbc(log: Log, is_tuned: bool = False) -> tuple[float, int]:
    """Run Flink's SQL with the JDBC sink and return its seconds and rows.

    Raises:
        SmaError: it failed.
    """
    _make_table()
    _empty(_THEIRS)
    seconds = flink_sql.tumble_to_jdbc(log, log.settings.owner_database_url.get_secret_value(), is_tuned)
    return seconds, _rows(_THEIRS)


def require_same_rows() -> None:
    """Refuse a comparison of jobs that did not write the same.

    Raises:
        SmaError: says how many rows differ.
    """
    differing = _ask((_STATEMENTS / "differing_rows.sql").read_text(encoding="utf-8"))
    if differing:
        raise SmaError(f"our sink and the JDBC sink wrote {differing} different rows: the comparison means nothing")


def empty_streaming_averages() -> None:
    """Delete what our job has written."""
    _empty(_OURS)


def _make_table() -> None:
    with psycopg.connect(_superuser_url(), autocommit=True) as connection:
        connection.execute((_STATEMENTS / "bench_table.sql").read_bytes())


def _empty(table: str) -> None:
    """Empty a table, and write out what PostgreSQL would otherwise write out during the next run."""
    with psycopg.connect(_superuser_url(), autocommit=True) as connection:
        connection.execute(SQL("TRUNCATE {}").format(_identifier(table)))
        connection.execute("CHECKPOINT")


def _rows(table: str) -> int:
    with psycopg.connect(_superuser_url()) as connection:
        row = connection.execute(SQL("SELECT count(*) FROM {}").format(_identifier(table))).fetchone()
    return int(row[0]) if row else 0


def _identifier(table: str) -> Identifier:
    return Identifier(*table.split("."))


def _ask(statement: str) -> int:
    with psycopg.connect(_superuser_url()) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0


def _superuser_url() -> str:
    environment = read_environment(STATE_DIR)
    if environment is None:
        raise SmaError(f"{STATE_DIR}: no stack has been started there")
    return environment.superuser_url("sma")
