"""The serving view: which layer's answer is shown, when it is final, and the one division."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import psycopg
import psycopg.sql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.definitions import store_definitions
from database.migrate import connect, drop_database, with_database
from sma.averages import Average
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow
from tests.support import oracle

AS_OF = datetime(2013, 1, 1, 10, tzinfo=UTC)


@pytest.fixture
def database(own_database):
    url = own_database.settings.owner_database_url.get_secret_value()
    store_definitions(url, [Average("hour", DurationWindow(3_600_000), 60_000)])
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def say(connection, layer, value_sum, event_count, as_of=AS_OF):
    connection.execute(
        psycopg.sql.SQL(
            "INSERT INTO {} (customer, metric, average, as_of, value_sum, event_count) "
            "VALUES ('AA', 'delay', 'hour', %s, %s, %s)"
        ).format(psycopg.sql.Identifier("sma", f"{layer}_averages")),
        (as_of, value_sum, event_count),
    )


def compute_day(connection, low_watermark):
    connection.execute(
        "INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id) "
        "VALUES (%s, 'hour', '{}', %s, 1, 'run')",
        (AS_OF.date(), low_watermark),
    )


def reconcile_day(connection):
    connection.execute(
        "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream, "
        "extra_in_stream, explained, unexplained, read_to, duration_seconds) "
        "VALUES ('run', %s, 'hour', 1, 1, 0, 0, 0, 0, 0, '{}', 0)",
        (AS_OF.date(),),
    )


def served(connection):
    return connection.execute(
        "SELECT value_sum, event_count, sma, source, is_final, is_full FROM serving.moving_averages ORDER BY as_of"
    ).fetchall()


def test_without_a_batch_result_the_stream_is_shown(database):
    say(database, "streaming", 7, 3)
    assert served(database) == [(Decimal(7), 3, Decimal("2.333333333"), "stream", False, True)]


def test_the_batch_result_replaces_the_stream_and_is_final_once_reconciled(database):
    say(database, "streaming", 7, 3)
    say(database, "batch", 8, 4)
    compute_day(database, AS_OF)
    assert served(database) == [(Decimal(8), 4, Decimal(2), "batch", False, True)]
    reconcile_day(database)
    assert served(database) == [(Decimal(8), 4, Decimal(2), "batch", True, True)]


@pytest.mark.parametrize(
    ("customer", "metric", "from_hours", "until_hours", "is_final"),
    [
        ("AA", "delay", -1, None, False),
        ("AA", "delay", 0, 1, False),  # the first instant is included
        ("AA", "delay", -1, 0, True),  # the last one is not
        ("AA", "delay", 1, None, True),
        ("AA", "other", -1, None, True),
        ("BB", "delay", -1, None, True),
    ],
)
def test_a_marked_row_is_not_final_whatever_a_reconciliation_found(
    database, customer, metric, from_hours, until_hours, is_final
):
    say(database, "batch", 8, 4)
    compute_day(database, AS_OF)
    reconcile_day(database)
    database.execute(
        "INSERT INTO sma.unsettled (customer, metric, reason, from_time, until_time) "
        "VALUES (%s, %s, 'any', %s, coalesce(%s, 'infinity'::timestamptz))",
        (
            customer,
            metric,
            AS_OF + timedelta(hours=from_hours),
            None if until_hours is None else AS_OF + timedelta(hours=until_hours),
        ),
    )
    assert served(database) == [(Decimal(8), 4, Decimal(2), "batch", is_final, True)]


def test_marks_are_read_only_where_a_query_shows_whether_rows_are_final_and_of_its_series_alone(database):
    def plan(query):
        return "\n".join(line for (line,) in database.execute(f"EXPLAIN (COSTS OFF) {query}"))

    for layer in ("streaming", "batch"):
        say(database, layer, 8, 4)
    assert "unsettled" not in plan("SELECT count(*), sum(value_sum) FROM serving.moving_averages")
    database.execute("SET enable_seqscan = off")
    one_series = "SELECT is_final FROM serving.facts WHERE customer = 'AA' AND metric = 'delay'"
    for query in (one_series, "SELECT is_final FROM serving.live"):
        found = plan(query)
        assert re.search(r"unsettled_pkey on \w+\n\s+Index Cond: \(\(customer = .+ AND \(metric = ", found), found


def test_a_row_that_the_stream_alone_has_is_not_shown_where_the_batch_layer_computed(database):
    say(database, "streaming", 7, 3)
    say(database, "streaming", 9, 3, AS_OF + timedelta(hours=1))
    compute_day(database, AS_OF)
    assert [row[0] for row in served(database)] == [9]


def start_job(connection, generation):
    connection.execute(
        "INSERT INTO sma.job_starts (generation, watermark_delay_ms, allowed_lateness_ms, max_ahead_ms, averages) "
        "VALUES (%s, 0, 0, 0, '{}')",
        (generation,),
    )


def test_a_row_of_a_former_generation_is_not_shown_and_one_without_is_of_the_present_one(database):
    say(database, "streaming", 7, 3)
    start_job(database, 1)
    assert served(database) == []
    say(database, "streaming", 8, 3, AS_OF + timedelta(hours=1))
    start_job(database, 1)
    assert [row[0] for row in served(database)] == [8]
    start_job(database, 2)
    assert served(database) == []


def test_a_name_stays_with_its_window_while_rows_of_it_are_stored(own_database, database):
    url = own_database.settings.owner_database_url.get_secret_value()
    other = Average("hour", CountWindow(7), 30)
    refusal = (
        "average hour: averages.yaml has the last 7 events, every 30 milliseconds, and rows of the last 1 hour, every "
        "1 minute are stored under that name: give the new one a name of its own"
    )
    for table in ("streaming", "batch"):
        say(database, table, 7, 3)
        with pytest.raises(SmaError, match=f"^{refusal}$"):
            store_definitions(url, [Average("day", DurationWindow(9), 9), other])
        assert definitions(database) == [("hour", None, 3_600_000, 60_000)]
        database.execute(psycopg.sql.SQL("TRUNCATE {}").format(psycopg.sql.Identifier("sma", f"{table}_averages")))
    store_definitions(url, [other])
    assert definitions(database) == [("hour", 7, None, 30)]


def test_a_window_of_events_is_full_once_it_holds_them_all(own_database, database):
    store_definitions(
        own_database.settings.owner_database_url.get_secret_value(), [Average("hour", CountWindow(3), 60_000)]
    )
    compute_day(database, AS_OF - timedelta(hours=1))  # later rows of the day are still the stream's
    for layer in ("batch", "streaming"):
        say(database, layer, 7, 2, AS_OF + timedelta(hours=layer == "batch"))
        say(database, layer, 7, 3, AS_OF + timedelta(hours=2 + (layer == "batch")))
    assert [(row[3], row[5]) for row in served(database)] == [
        ("stream", False),
        ("batch", False),
        ("stream", True),
        ("batch", True),
    ]


def definitions(connection):
    return connection.execute(
        "SELECT name, window_events, window_ms, every_ms FROM sma.averages ORDER BY name"
    ).fetchall()


def test_definitions_are_stored_as_they_are_now_and_those_removed_stay(own_database, database):
    url = own_database.settings.owner_database_url.get_secret_value()
    hour, last_20 = Average("hour", DurationWindow(60), 20), Average("last_20", CountWindow(20), 5)
    for _ in range(2):
        store_definitions(url, [hour, last_20])
        assert definitions(database) == [("hour", None, 60, 20), ("last_20", 20, None, 5)]
    store_definitions(url, [Average("hour", CountWindow(7), 30)])
    assert definitions(database) == [("hour", 7, None, 30), ("last_20", 20, None, 5)]


@pytest.mark.parametrize("windows", [(None, None), (20, 60)])
def test_a_definition_has_exactly_one_window(database, windows):
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute(
            "INSERT INTO sma.averages (name, window_events, window_ms, every_ms) VALUES ('a', %s, %s, 1)", windows
        )


def test_definitions_of_a_database_that_was_not_migrated_are_one_line(database_server):
    owner_url, name = database_server.settings.owner_database_url.get_secret_value(), f"t{secrets.token_hex(4)}"
    with connect(owner_url) as owner:
        owner.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    try:
        with pytest.raises(SmaError, match=r'^the database: sma.averages: schema "sma" does not exist$'):
            store_definitions(with_database(owner_url, name), [Average("hour", DurationWindow(60), 20)])
    finally:
        drop_database(owner_url, name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(10**31), 10**31), st.integers(1, 10**12))
def test_the_division_is_exact_and_rounds_half_away_from_zero(database, micros, event_count):
    value_sum = Decimal(f"{micros}E-6")  # exact; scaleb would round to 28 digits
    (average,) = database.execute("SELECT serving.average(%s, %s::bigint)", (value_sum, event_count)).fetchone()
    assert Fraction(average) == oracle.average(micros, event_count)


@pytest.mark.parametrize(
    ("micros", "event_count", "expected"),
    [
        (1, 2_000, "0.000000001"),
        (-1, 2_000, "-0.000000001"),
        (1, 2_001, "0"),
        (10**18 + 1, 3, "333333333333.333333667"),
    ],
)
def test_halves_round_away_from_zero(database, micros, event_count, expected):
    value_sum = Decimal(f"{micros}E-6")  # exact; scaleb would round to 28 digits
    (average,) = database.execute("SELECT serving.average(%s, %s::bigint)", (value_sum, event_count)).fetchone()
    assert average == Decimal(expected)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("streaming", "INSERT INTO sma.batch_averages VALUES ('a', 'b', 'c', now(), 1, 1)"),
        ("streaming", "SELECT FROM sma.batch_averages"),
        ("streaming", "DELETE FROM sma.streaming_averages"),
        ("streaming", "SELECT FROM serving.moving_averages"),
        ("batch", "INSERT INTO sma.streaming_averages VALUES ('a', 'b', 'c', now(), 1, 1)"),
        ("batch", "DELETE FROM sma.reconciliations"),
        ("batch", "UPDATE sma.differences SET is_explained = true"),
        ("reader", "INSERT INTO sma.batch_averages VALUES ('a', 'b', 'c', now(), 1, 1)"),
        ("reader", "CREATE TABLE sma.mine (a int)"),
    ],
)
def test_a_role_may_do_its_part_only(own_database, role, statement):
    name = "database_url" if role == "reader" else f"{role}_database_url"
    url = getattr(own_database.settings, name).get_secret_value()
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_reader_reads_every_table_and_view(own_database):
    with psycopg.connect(own_database.settings.database_url.get_secret_value()) as connection:
        relations = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'sma' "
            "UNION ALL SELECT format('%I.%I', schemaname, viewname) FROM pg_views WHERE schemaname = 'serving'"
        ).fetchall()
        assert len(relations) >= 7
        for (relation,) in relations:
            connection.execute(f"SELECT FROM {relation} LIMIT 1")
