"""Every statement that is in a file of its own is one that PostgreSQL accepts from the role it is executed as."""

from collections import defaultdict

import psycopg
import pytest
from psycopg import sql

from batch.store.copy_format import HEADER
from clients.statements import load_statements
from sma.settings import CHECKOUT
from tests.support.places import Place

ROOMS = ("batch", "database", "monitoring", "overview", "powerbi/refresh", "reader")
FILES = [path for room in ROOMS for path in sorted((CHECKOUT / room).rglob("*.sql"))]
_OF_THE_OWNER = ("database/customer_roles.sql",)
# what `sma explain`, `sma plot`, `sma status`, the exporter, the page and readers read, as sma_reader
_OF_THE_READER = (
    "batch/explain/series_index.sql",
    "batch/explain/stored_records.sql",
    "batch/index/known_series.sql",
    "batch/report/series_windows.sql",
    "monitoring/exporter/database.sql",
    "monitoring/newest_series.sql",
    "overview/tables.sql",
    "reader/latest.sql",
    "reader/served.sql",
    "reader/stream.sql",
)
_PLANNED = ("DELETE", "INSERT", "SELECT", "UPDATE", "WITH")
_NOTHING = {"csv": b"", "binary": HEADER + b"\xff\xff", "text": b""}
_FORMATTED: dict[str, dict[str, sql.Composable]] = {
    "batch/index/side_outputs.sql": {"table": sql.Identifier("late_events")},
    "batch/report/worst_series.sql": {"table": sql.Identifier("sma", "streaming_averages")},
    "batch/schedule/owner_days.sql": {"table": sql.Identifier("streaming_averages"), "is_present": sql.SQL("true")},
    "batch/store/averages_tables.sql": {
        "table": sql.Identifier("batch_averages"),
        "average": sql.Literal(""),
        "from_time": sql.Literal("-infinity"),
        "until_time": sql.Literal("infinity"),
        "and_present": sql.SQL(""),
    },
    "reader/served.sql": {
        "view": sql.Identifier("serving", "moving_averages"),
        "customer": sql.Literal("acme"),
        "metric": sql.Literal(None),
        "average": sql.Literal(None),
        "from_time": sql.Literal("-infinity"),
        "until_time": sql.Literal("infinity"),
        "is_final_only": sql.Literal(True),
        "order": sql.SQL(""),
    },
}


@pytest.mark.parametrize("name", [path.relative_to(CHECKOUT).as_posix() for path in FILES])
def test_database_accepts_every_statement(own_database: Place, name: str):
    statements = load_statements(str((CHECKOUT / name).with_suffix(".py")))
    settings = own_database.settings
    url = settings.database_url if name in _OF_THE_READER else settings.batch_database_url
    url = settings.owner_database_url if name in _OF_THE_OWNER else url
    with psycopg.connect(url.get_secret_value(), cursor_factory=psycopg.ClientCursor) as connection:
        for statement in statements.values():
            _try(connection, sql.SQL(statement).format(**_FORMATTED.get(name, {})).as_string(connection))
        connection.rollback()  # temporary tables are there for the statements after them until here


def _try(connection: psycopg.Connection, statement: str) -> None:
    """Plan a statement with null for each parameter, or execute it where PostgreSQL does not plan it."""
    cursor = psycopg.ClientCursor(connection)
    parameters = defaultdict[str, None](lambda: None) if "%(" in statement else None
    bound = cursor.mogrify(statement, parameters)
    command = next(line for line in bound.splitlines() if not line.startswith("--")).split()[0]
    if command in _PLANNED:
        connection.execute(f"EXPLAIN {bound}")
    elif command == "COPY" and "TO STDOUT" in bound:
        with cursor.copy(bound) as copy:
            assert list(copy) == []
    elif command == "COPY":
        encoding = next((word for word in _NOTHING if f"(FORMAT {word})" in bound), "text")
        with cursor.copy(bound) as copy:
            copy.write(_NOTHING[encoding])
    else:
        connection.execute(bound)
