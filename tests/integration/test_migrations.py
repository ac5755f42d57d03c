"""Migrations and views on the real TimescaleDB: applied once, whole or not at all."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from database.definitions import store_definitions
from database.migrate import connect, create_database, drop_database, migrate, truncate_tables, with_database
from sma.averages import Average
from sma.errors import SmaError
from sma.window import CountWindow


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of SQL with one migration and one view."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "views").mkdir()
    (tmp_path / "migrations" / "0001_things.sql").write_text(
        "CREATE SCHEMA sma; CREATE SCHEMA serving; CREATE TABLE sma.things (name text, price numeric);"
    )
    (tmp_path / "views" / "things.sql").write_text(
        "CREATE OR REPLACE VIEW serving.things AS SELECT name, price FROM sma.things;"
    )
    return tmp_path


@pytest.fixture
def url(database_server) -> Iterator[str]:
    """The owner's URL of an empty database."""
    owner_url = database_server.settings.owner_database_url.get_secret_value()
    name = f"t{secrets.token_hex(4)}"
    with connect(owner_url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield with_database(owner_url, name)
    drop_database(owner_url, name)


def _query(url: str, statement: str) -> list[tuple[object, ...]]:
    with connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _columns(url: str) -> list[object]:
    found = _query(
        url,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'serving' AND table_name = 'things' ORDER BY ordinal_position",
    )
    return [name for (name,) in found]


def test_migrations_run_once(url, folder):
    assert migrate(url, folder) == ["0001_things.sql"]
    assert migrate(url, folder) == []


def test_an_edited_migration_is_refused_and_changes_nothing(url, folder):
    migrate(url, folder)
    (folder / "migrations" / "0001_things.sql").write_text("DROP TABLE sma.things CASCADE;")
    with pytest.raises(SmaError, match=r"0001_things\.sql: was edited"):
        migrate(url, folder)
    assert _columns(url) == ["name", "price"]


def test_a_failing_migration_is_rolled_back_whole_and_can_be_mended(url, folder):
    migrate(url, folder)
    second = folder / "migrations" / "0002_more.sql"
    second.write_text("CREATE TABLE sma.more (a integer);\nSELECT 1 / 0;")
    with pytest.raises(SmaError, match=r"^0002_more\.sql: division by zero$"):
        migrate(url, folder)
    assert _query(url, "SELECT to_regclass('sma.more')") == [(None,)]
    second.write_text("CREATE TABLE sma.more (a integer);")
    assert migrate(url, folder) == ["0002_more.sql"]


def test_an_edited_view_is_made_anew_a_column_taken_away_included(url, folder):
    migrate(url, folder)
    view = folder / "views" / "things.sql"
    view.write_text("CREATE OR REPLACE VIEW serving.things AS SELECT name, price, 1 AS one FROM sma.things;")
    migrate(url, folder)
    assert _columns(url) == ["name", "price", "one"]
    view.write_text("CREATE OR REPLACE VIEW serving.things AS SELECT price FROM sma.things;")
    migrate(url, folder)
    assert _columns(url) == ["price"]


def test_a_failing_view_leaves_the_old_ones(url, folder):
    migrate(url, folder)
    (folder / "views" / "zebra.sql").write_text("CREATE VIEW serving.zebra AS SELECT stripes FROM sma.things;")
    with pytest.raises(SmaError, match=r'zebra\.sql: column "stripes" does not exist'):
        migrate(url, folder)
    assert _columns(url) == ["name", "price"]


def test_a_database_that_cannot_be_reached_is_one_line_without_the_password():
    with pytest.raises(SmaError) as caught:
        migrate("postgresql://sma_owner:hush@127.0.0.1:1/sma")
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_role_may_do_its_part_and_no_more(own_database):
    statements = {
        "streaming_database_url": ("SELECT count(*) FROM sma.streaming_averages", "DELETE FROM sma.streaming_averages"),
        "batch_database_url": ("DELETE FROM sma.batch_averages", "DELETE FROM sma.streaming_averages"),
        "database_url": ("SELECT count(*) FROM serving.moving_averages", "DELETE FROM sma.batch_averages"),
    }
    for field, (allowed, refused) in statements.items():
        with connect(getattr(own_database.settings, field).get_secret_value()) as connection:
            connection.execute(allowed.encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())


def test_emptying_the_tables_leaves_the_tables_and_the_definitions(database_server):
    owner_url = database_server.settings.owner_database_url.get_secret_value()
    name = f"t{secrets.token_hex(4)}"
    create_database(owner_url, name)
    try:
        url = with_database(owner_url, name)
        with connect(url) as connection:
            connection.execute(
                "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)"
                " VALUES ('c', 'm', 'a', '2013-01-01 00:00Z', 1, 1)"
            )
        store_definitions(url, [Average("a", CountWindow(2), 1)])
        assert "streaming_averages" in truncate_tables(url)
        assert _query(url, "SELECT count(*) FROM sma.streaming_averages") == [(0,)]
        assert _query(url, "SELECT name, window_events FROM sma.averages") == [("a", 2)]
    finally:
        drop_database(owner_url, name)
