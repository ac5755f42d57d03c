"""No customer sees another one's rows, whatever it tries, and no part does more than its own.

AA tries everything in `attempts`. That the search for BB's secrets finds them where they can be seen is a test itself.
"""

import os
import re
import secrets
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from database.customers import add_customer
from database.migrate import connect, create_database, drop_database, with_database
from deploy.local.environment import read_environment
from deploy.local.services.programs import POSTGRES_BIN
from tests.support import attempts
from tests.support.places import Place, restrict

ROWS = """
    INSERT INTO sma.averages (name, window_ms, every_ms) VALUES ('hour', 3600000, 60000);
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) VALUES
        ('AA', 'delay', 'hour', '2013-01-01 10:00+00', 7, 3),
        ('BB', 'bbsecret', 'hour', '2013-01-01 10:00+00', 918273645, 2),
        ('BB', 'bbsecret', 'hour', '2013-02-02 10:00+00', 918273645, 564738291);
    INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count) VALUES
        ('AA', 'delay', 'hour', '2013-01-01 10:00+00', 8, 4),
        ('BB', 'bbsecret', 'hour', '2013-01-01 10:00+00', 918273645, 564738291);
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    VALUES ('2013-01-01', 'hour', '{}', '2013-01-02 00:00+00', 564738291, 'run');
    INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,
        extra_in_stream, explained, unexplained, read_to, duration_seconds)
    VALUES ('run', '2013-01-01', 'hour', 564738291, 564738289, 2, 0, 0, 2, 0, '{}', 1);
    INSERT INTO sma.differences
    VALUES ('run', 'AA', 'delay', 'hour', '2013-01-01 10:00+00', 'changed', true, 1, 7, 3, 8, 4),
        ('run', 'BB', 'bbsecret', 'hour', '2013-01-01 10:00+00', 'changed', true, 564738291,
            918273645, 2, 918273645, 564738291);
    INSERT INTO sma.corrections
    VALUES ('run', 'BB', 'bbsecret', 'hour', '2013-01-01 10:00+00', 918273645, 2, 918273645, 3);
    INSERT INTO sma.accounting VALUES ('run', 0, 0, 564738291, 564738291, 564738291, 0, 0, 0);
    INSERT INTO sma.indexed_partitions VALUES (0, 564738291, 0, 0, 0);
    INSERT INTO sma.offset_blocks VALUES (0, 0, 564738291, 1, 0, 0, 0, 0, 0);
    INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 1), (0, 'BB', 'bbsecret', 1);
    INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
    VALUES (0, 'AA', 'delay', '2013-01-01', 4, 9), (0, 'BB', 'bbsecret', '2013-01-01', 564738291, 9);
    INSERT INTO sma.log_days VALUES ('2013-01-01', 0, 564738291, 918273645, 0, 0, 0);
    INSERT INTO sma.late_events VALUES (0, 1, 'BB', 'bbsecret', 0, 918273645, 0);
    INSERT INTO sma.rejected_events VALUES (0, 2, 'bbsecret');
    INSERT INTO sma.split_series (customer, metric, kafka_partition, first_day, last_day)
    VALUES ('AA', 'delay', 0, '2013-01-01', '2013-01-01'), ('BB', 'bbsecret', 564738291, '2013-01-01', '2013-01-01');
    INSERT INTO sma.unsettled (customer, metric, reason, from_time)
    VALUES ('AA', 'delay', 'two_partitions', '2013-01-01'), ('BB', 'bbsecret', 'two_partitions', '2013-01-01');
    ANALYZE;
"""
PARTS = ("sma_streaming", "sma_batch", "sma_serving", "sma_dagster", "sma_reader")
ACTIONS = {
    "SELECT": "SELECT FROM {relation} LIMIT 0",
    "INSERT": "INSERT INTO {relation} DEFAULT VALUES",
    "UPDATE": "UPDATE {relation} SET {column} = DEFAULT",
    "DELETE": "DELETE FROM {relation}",
    "TRUNCATE": "TRUNCATE {relation}",
}
_AVERAGES = ("streaming_averages", "batch_averages")
_AUDIT = ("reconciliations", "differences", "accounting", "accounted", "corrections", "corrected_days", "audits")
_POSITIONS = ("offset_blocks", "late_events", "rejected_events")
_INDEX = ("indexed_partitions", "indexed_series", "series_days", "log_days", *_POSITIONS)
_SPLIT = ("split_series", "unsettled")
_REFRESHES = ("refreshes", "refreshed_days")
TABLES = (*_AVERAGES, *_AUDIT, *_INDEX, *_SPLIT, *_REFRESHES, "batch_days", "averages", "customers", "job_starts")
# what each part may do: all else must be refused
ALLOWED = {
    ("sma_streaming", "streaming_averages"): {"SELECT", "INSERT", "UPDATE"},
    ("sma_batch", "streaming_averages"): {"SELECT"},
    ("sma_batch", "batch_averages"): {"SELECT", "INSERT", "UPDATE", "DELETE"},
    ("sma_batch", "batch_days"): {"SELECT", "INSERT", "UPDATE", "DELETE"},
    **{("sma_batch", table): {"SELECT", "INSERT"} for table in _AUDIT},
    **{("sma_batch", table): set(ACTIONS) for table in (*_INDEX, *_SPLIT)},
    ("sma_batch", "averages"): {"SELECT"},
    ("sma_streaming", "job_starts"): {"SELECT", "INSERT"},
    ("sma_batch", "job_starts"): {"SELECT"},
    ("sma_batch", "refreshes"): {"SELECT", "INSERT", "UPDATE"},
    ("sma_batch", "refreshed_days"): {"SELECT", "INSERT", "DELETE"},
    **{("sma_reader", table): {"SELECT"} for table in TABLES},
}
MATRIX = [(part, action, table) for part in PARTS for action in ACTIONS for table in TABLES]


@pytest.fixture(scope="module")
def database(database_server: Place) -> Iterator[str]:
    """The owner's URL of a database with rows of AA and BB, each a customer; nobody changes it."""
    owner, name = database_server.settings.owner_database_url.get_secret_value(), f"t{secrets.token_hex(4)}"
    create_database(owner, name)
    try:
        restrict(database_server, name)
        url = with_database(owner, name)
        with connect(url) as connection:
            connection.execute(ROWS.encode())
        yield url
    finally:
        drop_database(owner, name)


@pytest.fixture(scope="module")
def aa(database: str) -> Iterator[psycopg.Connection]:
    """AA's own session; BB is a customer too."""
    add_customer(database, "BB")
    with connect(add_customer(database, "AA").url) as connection:
        yield connection


@pytest.fixture(scope="module")
def places(database: str, aa: psycopg.Connection) -> Iterator[dict[str, str]]:
    with connect(database) as owner:
        yield attempts.placeholders(owner)


HARMFUL = (
    *attempts.STATISTICS,
    *attempts.FILES,
    *attempts.CODE,
    *attempts.ROLES,
    *attempts.SERVER,
    *attempts.TIMESCALEDB,
)


@pytest.mark.parametrize("statement", [*attempts.DIRECT, *attempts.FORBIDDEN, *HARMFUL])
def test_what_is_not_for_a_customer_is_refused(aa, places, statement):
    state, said = attempts.outcome(aa, attempts.fill(statement, places))
    assert attempts.is_refusal(state), said
    assert attempts.secrets_in(said) == []


@pytest.mark.parametrize("statement", attempts.INFERENCE)
def test_a_condition_is_looked_at_for_own_rows_only(aa, places, statement):
    state, said = attempts.outcome(aa, attempts.fill(statement, places))
    assert state is None, said
    assert set(attempts.secrets_in(said)) <= set(attempts.secrets_in(statement))  # EXPLAIN repeats the condition


@pytest.mark.parametrize("statement", [*attempts.ERRORS, *attempts.CATALOG])
def test_neither_errors_nor_the_catalog_tell_of_other_rows(aa, places, statement):
    _, said = attempts.outcome(aa, attempts.fill(statement, places))
    assert attempts.secrets_in(said) == []


@pytest.mark.parametrize("what", attempts.REMAINS)
def test_what_is_said_to_remain_does_remain(aa, places, what):
    statement, pattern = attempts.REMAINS[what]
    _, said = attempts.outcome(aa, attempts.fill(statement, places))
    assert re.search(pattern, said), said


def test_a_customer_can_use_nothing_but_its_views_and_what_every_postgresql_gives(database, places):
    role = f"{places['{database}']}/AA"
    with connect(database) as owner:
        usable = owner.execute(
            """
            SELECT 'relation ' || oid::regclass
            FROM pg_class
            WHERE has_table_privilege(%(role)s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
                AND has_schema_privilege(%(role)s, relnamespace, 'USAGE')
                AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
                AND relnamespace <> to_regnamespace('"customer/AA"')
            UNION ALL
            SELECT 'function ' || oid::regprocedure
            FROM pg_proc
            WHERE has_function_privilege(%(role)s, oid, 'EXECUTE')
                AND has_schema_privilege(%(role)s, pronamespace, 'USAGE')
                AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
            UNION ALL
            SELECT 'language ' || lanname
            FROM pg_language
            WHERE lanpltrusted AND has_language_privilege(%(role)s, oid, 'USAGE')
            UNION ALL
            SELECT 'schema to write to ' || nspname
            FROM pg_namespace
            WHERE has_schema_privilege(%(role)s, oid, 'CREATE')
            UNION ALL
            SELECT 'database ' || datname
            FROM pg_database
            WHERE has_database_privilege(%(role)s, oid, 'CREATE, TEMPORARY')
                OR datname <> current_database() AND datallowconn AND has_database_privilege(%(role)s, oid, 'CONNECT')
            UNION ALL
            SELECT 'role ' || rolname
            FROM pg_roles
            WHERE rolname <> %(role)s AND pg_has_role(%(role)s, oid, 'MEMBER')
            """,
            {"role": role},
        ).fetchall()
    # `sql` can only be used for functions, for which there is no schema
    assert sorted(what for (what,) in usable) == ["language sql"]


@pytest.mark.parametrize("command", [r"\d", r"\d facts", r"\dv", r"\dn", r"\l", r"\du", r"\df", r"\dt *.*", r"\dp"])
def test_psql_still_describes_what_a_customer_has(aa, command):
    ran = subprocess.run(
        [POSTGRES_BIN / "psql", "-X", "-v", "ON_ERROR_STOP=1", aa.info.dsn, "-c", command],
        env={"PGPASSWORD": aa.info.password, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT table_schema, table_name, table_type FROM information_schema.tables",
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = 'facts'",
        "SELECT constraint_name FROM information_schema.table_constraints",
        "SELECT column_name FROM information_schema.key_column_usage",
        # the types that Npgsql, of Power BI's connector, loads when it connects
        "SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM ("
        " SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.typelem"
        " AS elemtypoid, cls.relkind, CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE typ.typtype END AS kind"
        " FROM pg_type AS typ LEFT JOIN pg_class AS cls ON cls.oid = typ.typrelid"
        " LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive) AS t"
        " JOIN pg_namespace AS ns ON ns.oid = typnamespace",
        "SELECT c.oid, c.*, pg_get_userbyid(relowner) FROM pg_class AS c",
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid)"
        " FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum",
    ],
)
def test_clients_still_read_the_catalog(aa, statement):
    state, said = attempts.outcome(aa, statement)
    assert state is None, said


@pytest.mark.parametrize("name", ["dagster", "postgres", "template1"])
def test_a_customer_connects_to_no_other_database(aa, name):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(aa.info.dsn, password=aa.info.password, dbname=name)


def test_xml_reads_no_file(aa):
    entity = '<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]><a>&file;</a>'
    _, said = attempts.outcome(aa, f"SELECT XMLPARSE(DOCUMENT '{entity}')")
    _, used = attempts.outcome(aa, f"SELECT xpath('/a/text()', XMLPARSE(DOCUMENT '{entity}'))")
    assert "root:" not in said + used


def test_xml_entities_do_not_multiply(aa):
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 9))
    document = f'<!DOCTYPE a [<!ENTITY e0 "x">{levels}]><a>&e8;</a>'
    state, said = attempts.outcome(aa, f"SELECT length(xpath('/a/text()', XMLPARSE(DOCUMENT '{document}'))::text)")
    assert state is not None or int(said.strip("(,)")) < 10_000_000


def test_there_are_more_than_two_hundred_attempts():
    tried = [*attempts.DIRECT, *attempts.FORBIDDEN, *attempts.INFERENCE, *attempts.ERRORS, *attempts.CATALOG, *HARMFUL]
    assert len(set(tried)) == len(tried) > 200
    assert sum("FROM facts" in statement for statement in tried) > 20


def test_the_search_finds_secrets_where_they_can_be_seen(database, places):
    with connect(database) as owner:
        seen = [s for s in attempts.DIRECT if attempts.secrets_in(attempts.outcome(owner, attempts.fill(s, places))[1])]
    assert len(seen) > 100
    for relation in ("{stream_chunk}", "{batch_chunk}", "{difference_chunk}", "sma.late_events", '"customer/BB".facts'):
        assert any(relation in statement for statement in seen), relation


@pytest.fixture(scope="module")
def superuser(database_server: Place, database: str) -> Iterator[psycopg.Connection]:
    """A session of the superuser in the database."""
    environment = read_environment(database_server.settings.state_dir)
    assert environment is not None
    with connect(environment.superuser_url(database.rpartition("/")[2])) as connection:
        yield connection


def test_without_its_barrier_a_view_would_tell(database, superuser, aa, places):
    peek = "SELECT customer FROM facts WHERE pg_temp.peek(metric)"
    with connect(database) as owner:
        owner.execute(attempts.fill('GRANT TEMPORARY ON DATABASE {database} TO "{database}/AA"', places).encode())
        superuser.execute(attempts.fill('GRANT USAGE ON LANGUAGE plpgsql TO "{database}/AA"', places).encode())
        aa.execute(
            b"CREATE FUNCTION pg_temp.peek(metric text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql"
            b" AS $$ BEGIN RAISE NOTICE '%', metric; RETURN true; END $$"
        )
        try:
            assert attempts.secrets_in(attempts.outcome(aa, peek)[1]) == []
            owner.execute(b'ALTER VIEW "customer/AA".facts SET (security_barrier = false)')
            assert attempts.secrets_in(attempts.outcome(aa, peek)[1]) == ["bbsecret"]
        finally:
            owner.execute(b'ALTER VIEW "customer/AA".facts SET (security_barrier = true)')
            aa.execute(b"DROP FUNCTION pg_temp.peek(text)")
            superuser.execute(attempts.fill('REVOKE USAGE ON LANGUAGE plpgsql FROM "{database}/AA"', places).encode())
            owner.execute(
                attempts.fill('REVOKE TEMPORARY ON DATABASE {database} FROM "{database}/AA"', places).encode()
            )


def test_a_customer_reads_its_own_rows(aa):
    views = ["moving_averages", "series", "facts", "live", "differences", "data_age", "quality", "unsettled"]
    seen = {view: {row[0] for row in aa.execute(f"SELECT customer FROM {view}".encode())} for view in views}
    assert seen == dict.fromkeys(views, {"AA"})
    # BB's rows reach a month further
    assert aa.execute("SELECT min(date)::text, max(date)::text FROM calendar").fetchone() == (
        "2013-01-01",
        "2013-01-31",
    )
    assert aa.execute("SELECT average FROM averages").fetchall() == [("hour",)]


@pytest.fixture(scope="module")
def parts(database_server: Place, database: str) -> Iterator[dict[str, psycopg.Connection]]:
    """A session of each part's role in the database."""
    environment = read_environment(database_server.settings.state_dir)
    assert environment is not None
    server = database.rpartition("@")[2]
    sessions = {part: connect(f"postgresql://{part}:{environment.password(part)}@{server}") for part in PARTS}
    yield sessions
    for session in sessions.values():
        session.close()


@pytest.mark.parametrize("view", attempts.VIEWS)
def test_shared_reports_read_every_customers_rows(parts, view):
    cursor = parts["sma_serving"].execute(f"SELECT * FROM serving.{view}".encode())
    columns = [column.name for column in cursor.description]
    if "customer" in columns:
        assert "BB" in {row[columns.index("customer")] for row in cursor}
    else:
        assert cursor.fetchall()


@pytest.mark.parametrize(("part", "action", "table"), MATRIX)
def test_each_part_may_do_its_own_and_no_more(database, parts, part, action, table):
    with connect(database) as owner:
        (column,) = owner.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1", (f"sma.{table}",)
        ).fetchone()
    statement = ACTIONS[action].format(relation=f"sma.{table}", column=column)
    state, said = attempts.outcome(parts[part], statement)
    is_allowed = action in ALLOWED.get((part, table), set())
    assert (state == "42501") is not is_allowed, said


def test_every_table_is_tried(database):
    with connect(database) as owner:
        tables = owner.execute("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'sma'").fetchall()
    assert {table for (table,) in tables} == set(TABLES)
    assert set(TABLES) <= set(attempts.TABLES)


def test_more_than_a_hundred_actions_of_the_five_parts_are_denied():
    denied = [case for case in MATRIX if case[1] not in ALLOWED.get((case[0], case[2]), set())]
    assert len(denied) > 100
    assert {part for part, _, _ in denied} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE sma.mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET ROLE sma_owner",
        "DROP TABLE sma.customers",
        "ALTER TABLE sma.batch_averages ADD COLUMN mine int",
        "CREATE OR REPLACE VIEW serving.facts AS SELECT 1",
        "DELETE FROM serving.moving_averages",
        'SELECT * FROM "customer/AA".facts',
    ],
)
def test_no_part_changes_what_it_does_not_own(parts, aa, part, statement):
    state, said = attempts.outcome(parts[part], statement)
    assert attempts.is_refusal(state), said
