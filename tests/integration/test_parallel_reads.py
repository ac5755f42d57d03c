"""A parallel plan returns every row: TimescaleDB's parallel ChunkAppend may return none (decision 0040)."""

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from batch.reconciliation.compare_in_database import RowCounts, count_rows
from database.definitions import store_definitions
from database.migrate import connect, copy_database, create_database, drop_database, with_database
from sma.averages import Average
from sma.window import DurationWindow

DAY_MS = 86_400_000
START_MS = 1_357_084_800_000
SERIES, MINUTES = 100, 1_000
AGAIN = 40  # an unsafe plan is wrong in one run of eight
ROLES = ("owner", "streaming", "batch", "serving")

ROWS = """
    INSERT INTO sma.{table} (customer, metric, average, as_of, value_sum, event_count)
    SELECT
        'C' || series,
        'delay',
        'hour',
        timestamptz '2013-01-02 00:00+00' + minute * interval '1 minute',
        1,
        1
    FROM generate_series(1, %s) AS series, generate_series(1, %s) AS minute
"""
# as where a table has outgrown one process; the planner then takes parallel plans by itself
PARALLEL = """
    SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0;
    SET min_parallel_table_scan_size = 0;
    SET max_parallel_workers_per_gather = 4
"""


def url_of(place, role):
    name = "database_url" if role == "serving" else f"{role}_database_url"
    return getattr(place.settings, name).get_secret_value()


def fill(place, *tables):
    """As many rows in each of the tables, and one definition."""
    url = url_of(place, "owner")
    store_definitions(url, [Average("hour", DurationWindow(3_600_000), 60_000)])
    with psycopg.connect(url, autocommit=True) as connection:
        for table in tables:
            connection.execute(SQL(ROWS).format(table=Identifier(table)), (SERIES, MINUTES))
            connection.execute(SQL("ANALYZE sma.{}").format(Identifier(table)))


def test_the_layers_are_compared_row_by_row_in_any_plan(own_database):
    fill(own_database, "streaming_averages", "batch_averages")
    rows = SERIES * MINUTES
    with psycopg.connect(url_of(own_database, "batch"), autocommit=True) as connection:
        connection.execute(PARALLEL)
        for _ in range(AGAIN):
            with connection.transaction():
                counts = count_rows(connection, ["hour"], START_MS, START_MS + DAY_MS)["hour"]
            assert counts == RowCounts(rows, rows, rows)


@pytest.mark.parametrize("role", ROLES)
def test_no_session_of_the_database_takes_such_a_plan(own_database, role):
    with psycopg.connect(url_of(own_database, role)) as connection:
        assert connection.execute("SHOW timescaledb.enable_parallel_chunk_append").fetchone() == ("off",)


def test_a_copy_of_a_database_has_its_settings(own_database):
    owner_url = url_of(own_database, "owner")
    template, copy = "settings_template", "settings_copy"
    create_database(owner_url, template)
    try:
        with connect(owner_url) as connection:
            connection.execute("ALTER DATABASE settings_template SET application_name = 'it''s, \"this\"'")
        copy_database(owner_url, template, copy)
        with psycopg.connect(with_database(owner_url, copy)) as connection:
            assert connection.execute("SHOW application_name").fetchone() == ('it\'s, "this"',)
    finally:
        drop_database(owner_url, copy)
        drop_database(owner_url, template)
