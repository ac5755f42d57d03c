"""What a customer may try to see another one's rows or to harm the server, and how an answer is searched for rows.

DIRECT, FORBIDDEN and the attempts on the server must be refused. INFERENCE must give an answer from the customer's own
rows, ERRORS and CATALOG may say what they like but nothing of anybody else's. REMAINS is what cannot be closed, as
docs/serving.md lists it. What stands in braces is filled in for a database: see `placeholders`.
"""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import product

import psycopg

# what stands in BB's rows only: its metric's name, its sum, its count
SECRETS = ("bbsecret", "918273645", "564738291")
# insufficient_privilege; a table, function, schema or object that it cannot name; 0A000 and 55000: nobody can do that
_REFUSALS = {"42501", "42P01", "42883", "3F000", "42704", "0A000", "55000"}
_NEVER_IN_A_TRANSACTION = re.compile(r"(CREATE|DROP|REINDEX) DATABASE|CREATE TABLESPACE|ALTER SYSTEM")

TABLES = [
    "streaming_averages",
    "batch_averages",
    "differences",
    "corrections",
    "reconciliations",
    "accounting",
    "accounted",
    "batch_days",
    "averages",
    "customers",
    "job_starts",
    "corrected_days",
    "audits",
    "indexed_partitions",
    "offset_blocks",
    "indexed_series",
    "series_days",
    "log_days",
    "late_events",
    "rejected_events",
    "split_series",
    "unsettled",
    "refreshes",
    "refreshed_days",
    "every_series",
    "served_months",
    "every_customer",
    "newest_reconciliations",
]
VIEWS = [
    "moving_averages",
    "unsettled",
    "series",
    "facts",
    "live",
    "differences",
    "data_age",
    "quality",
    "averages",
    "calendar",
]
_RELATIONS = (
    *(f"sma.{table}" for table in TABLES),
    *(f"serving.{view}" for view in VIEWS),
    *(f'"customer/BB".{view}' for view in VIEWS),
    "{stream_chunk}",
    "{batch_chunk}",
    "{difference_chunk}",
)
_READS = (
    "SELECT * FROM {relation}",
    "SELECT count(*) FROM {relation}",
    "COPY {relation} TO STDOUT",
    "COPY (SELECT * FROM {relation}) TO STDOUT",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM {relation}",
    "PREPARE peek AS SELECT * FROM {relation}",
    "DECLARE peek CURSOR FOR SELECT * FROM {relation}",
)

DIRECT = tuple(read.replace("{relation}", relation) for read, relation in product(_READS, _RELATIONS))

FORBIDDEN = (
    *(f"SET ROLE {role}" for role in ("sma_owner", "sma_reader", "sma_serving", "sma_batch", '"{database}/BB"')),
    "SET SESSION AUTHORIZATION sma_owner",
    'GRANT "{database}/BB" TO "{database}/AA"',
    'GRANT SELECT ON sma.batch_averages TO "{database}/AA"',
    'GRANT USAGE ON SCHEMA sma TO "{database}/AA"',
    'ALTER ROLE "{database}/AA" SUPERUSER',
    "ALTER ROLE \"{database}/BB\" PASSWORD 'mine'",
    'ALTER ROLE "{database}/AA" BYPASSRLS',
    "CREATE ROLE mine",
    'ALTER VIEW "customer/AA".facts RESET (security_barrier)',
    'ALTER VIEW "customer/AA".facts OWNER TO "{database}/AA"',
    'CREATE OR REPLACE VIEW "customer/AA".facts AS SELECT 1',
    'CREATE VIEW "customer/AA".mine AS SELECT * FROM "customer/BB".facts',
    'CREATE RULE mine AS ON SELECT TO "customer/AA".facts DO INSTEAD SELECT 1',
    'CREATE TRIGGER mine INSTEAD OF DELETE ON "customer/AA".facts EXECUTE FUNCTION tsvector_update_trigger()',
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE TEMPORARY VIEW mine AS SELECT * FROM sma.batch_averages",
    "CREATE FUNCTION pg_temp.peek(text) RETURNS boolean LANGUAGE sql RETURN true",
    "CREATE FUNCTION public.peek(text) RETURNS boolean LANGUAGE sql RETURN true",
    'CREATE FUNCTION "customer/AA".peek(text) RETURNS boolean LANGUAGE sql RETURN true',
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION file_fdw",
    "CREATE TABLE public.mine AS TABLE facts",
    "CREATE STATISTICS mine ON customer, metric FROM sma.batch_averages",
    "CREATE INDEX ON sma.batch_averages (customer)",
    "CREATE PUBLICATION mine FOR TABLE sma.batch_averages",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ANALYZE VERBOSE sma.batch_averages, nowhere",
    "LOCK TABLE sma.batch_averages",
    "COMMENT ON TABLE sma.batch_averages IS 'mine'",
    "INSERT INTO facts (customer) VALUES ('BB')",
    "UPDATE facts SET customer = 'BB'",
    "DELETE FROM facts",
    "TRUNCATE sma.batch_averages",
    "SELECT table_to_xml('sma.batch_averages', true, false, '')",
    "SELECT query_to_xml('SELECT * FROM sma.batch_averages', true, false, '')",
    "SELECT schema_to_xml('customer/BB', true, false, '')",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_ls_dir('base')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT lo_import('/etc/passwd')",
    "COPY facts FROM PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_user_mapping",
    "SELECT pg_reload_conf()",
    "SELECT pg_logical_slot_peek_changes('mine', NULL, NULL)",
    "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')",
    "SELECT public.show_chunks('sma.batch_averages')",
    "SELECT public.drop_chunks('sma.batch_averages', now())",
    "SELECT public.approximate_row_count('sma.batch_averages')",
    "SELECT sma.drop_chunks_before('2020-01-01')",
    "SELECT * FROM sma.open_spans()",
    "SELECT serving.average(1, 1)",
    "SELECT 'sma.batch_averages'::regclass",
    "SELECT pg_get_viewdef('\"customer/BB\".facts'::regclass)",
    "ALTER DATABASE {database} SET log_statement = 'all'",
    "SET log_min_messages = debug5",
    "SET session_replication_role = replica",
)

# conditions that fail, divide, or are told to be cheap, so that they might be looked at before the barrier
_CONDITIONS = (
    "metric::int = 1",
    "customer::int = 1",
    "1 / (CASE WHEN metric LIKE 'bbsecret%' THEN 0 ELSE 1 END) = 1",
    "1 / (CASE WHEN customer = 'BB' THEN 0 ELSE 1 END) = 1",
    "1 / (event_count - 564738291) <= 1",
    "1 / (value_sum - 918273645) < 1",
    "sqrt(918273644 - value_sum) >= 0",
    "ln(918273645 - value_sum) IS NOT NULL",
    "metric ~ (CASE WHEN customer = 'BB' THEN '(' ELSE '.' END)",
    "lpad(metric, CASE WHEN customer = 'BB' THEN 2147483647 ELSE 9 END) IS NOT NULL",
    "chr(CASE WHEN customer = 'BB' THEN -1 ELSE 65 END) IS NOT NULL",
    "(CASE WHEN customer = 'BB' THEN metric ELSE '1' END)::int = 1",
    "factorial(CASE WHEN customer = 'BB' THEN -1 ELSE 1 END) = 1",
    "to_date(CASE WHEN customer = 'BB' THEN metric ELSE '2013' END, 'YYYY') IS NOT NULL",
    "(CASE WHEN customer = 'BB' THEN metric ELSE '{{}}' END)::json IS NOT NULL",
    "(CASE WHEN customer = 'BB' THEN metric ELSE '1 day' END)::interval IS NOT NULL",
    "customer = 'BB'",
    "customer <> 'AA'",
    "customer IN ('AA', 'BB')",
    "customer IS NOT NULL OR customer = 'BB'",
    "metric LIKE 'bbsecret%' OR true",
    "value_sum > 900000",
    "NOT (customer = 'AA')",
    "(customer, metric) > ('AA', 'zzz')",
    "true OR 1 / 0 = 1",
)
_SHAPES = (
    "SELECT customer, metric, value_sum, event_count FROM moving_averages WHERE {condition}",
    "SELECT customer, metric, value_sum, event_count FROM facts WHERE {condition}",
    "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) SELECT metric, value_sum FROM facts WHERE {condition}",
)
# these are evaluated for the customer's own rows too, and fail on them: which shows nothing about anybody else
_FAILS_ON_OWN = ("metric::int = 1", "customer::int = 1")

INFERENCE = tuple(
    shape.replace("{condition}", condition)
    for shape, condition in product(_SHAPES, _CONDITIONS)
    if condition not in _FAILS_ON_OWN
)
ERRORS = tuple(shape.replace("{condition}", condition) for shape, condition in product(_SHAPES, _FAILS_ON_OWN))

CATALOG = (
    "SELECT * FROM pg_stats",
    "SELECT * FROM pg_stats_ext",
    "SELECT * FROM pg_stats_ext_exprs",
    "SELECT * FROM pg_prepared_statements",
    "SELECT * FROM pg_cursors",
    "SELECT * FROM information_schema.tables WHERE table_schema <> 'information_schema'",
    "SELECT * FROM information_schema.columns WHERE table_schema = 'sma'",
    "SELECT * FROM pg_seclabels",
    "SELECT * FROM pg_settings",
    "SELECT relname, reltuples FROM pg_class",
)

STATISTICS = (
    "SELECT query FROM pg_stat_activity",
    "SELECT * FROM pg_stat_user_tables",
    "SELECT * FROM pg_stat_all_tables",
    "SELECT * FROM pg_stat_xact_user_tables",
    "SELECT * FROM pg_statio_user_tables",
    "SELECT * FROM pg_stat_user_indexes",
    "SELECT * FROM pg_stat_database",
    "SELECT * FROM pg_stat_io",
    "SELECT * FROM pg_stat_progress_copy",
    "SELECT * FROM pg_stat_replication",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_prepared_xacts",
    "SELECT * FROM pg_replication_slots",
    "SELECT * FROM pg_backend_memory_contexts",
    "SELECT * FROM pg_shmem_allocations",
    "SELECT pg_stat_get_live_tuples(oid) FROM pg_class",
    "SELECT pg_stat_get_tuples_inserted(oid) FROM pg_class",
    "SELECT pg_relation_size(oid) FROM pg_class",
    "SELECT pg_total_relation_size(oid) FROM pg_class",
    "SELECT pg_table_size(oid) FROM pg_class",
    "SELECT pg_indexes_size(oid) FROM pg_class",
    "SELECT pg_database_size(current_database())",
    "SELECT pg_tablespace_size('pg_default')",
)
FILES = (
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY facts FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_logdir()",
    "SELECT pg_ls_waldir()",
    "SELECT pg_ls_tmpdir()",
    "SELECT pg_current_logfile()",
    "SELECT * FROM pg_file_settings",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'mine')",
    "SELECT lo_put(1, 0, 'mine')",
    "SELECT lo_get(1)",
    "SELECT lo_open(1, 262144)",
    "SELECT lo_unlink(1)",
    "SELECT lo_export(1, '/tmp/mine')",
    "SELECT lowrite(0, 'mine')",
    "SELECT * FROM pg_largeobject",
)
CODE = (
    "DO $$ BEGIN END $$",
    "DO LANGUAGE sql $$ SELECT 1 $$",
    "CREATE LANGUAGE plpython3u",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION pg_stat_statements",
    "CREATE EXTENSION plpython3u",
    "SELECT dblink('dbname=dagster', 'SELECT 1')",
    "LOAD 'dblink'",
    "CREATE FOREIGN DATA WRAPPER mine",
    "CREATE SERVER mine FOREIGN DATA WRAPPER dblink_fdw",
    "CREATE OPERATOR public.@@@ (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)",
    "CREATE CAST (text AS int) WITH INOUT",
    "CREATE DATABASE mine",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "SET session_preload_libraries = 'dblink'",
)
ROLES = (
    'ALTER ROLE "{database}/AA" CONNECTION LIMIT -1',
    "ALTER ROLE \"{database}/AA\" VALID UNTIL 'infinity'",
    'ALTER ROLE "{database}/AA" CREATEROLE',
    'ALTER ROLE "{database}/AA" CREATEDB',
    'ALTER ROLE "{database}/AA" REPLICATION',
    'ALTER ROLE "{database}/AA" RENAME TO mine',
    'ALTER ROLE "{database}/AA" SET temp_file_limit = -1',
    'ALTER ROLE "{database}/AA" IN DATABASE {database} RESET temp_file_limit',
    'ALTER ROLE "{database}/BB" SET statement_timeout = 1',
    'ALTER ROLE "{database}/BB" NOLOGIN',
    "ALTER ROLE ALL SET work_mem = 64",
    'DROP ROLE "{database}/BB"',
    'GRANT pg_read_all_data TO "{database}/AA"',
    "SET ROLE pg_monitor",
    "SET temp_file_limit = -1",
    "ALTER DATABASE {database} CONNECTION LIMIT 0",
    "SELECT sma.password_digest('{database}/AA')",
)
SERVER = (
    "SELECT pg_terminate_backend({owner_pid})",
    "SELECT pg_cancel_backend({owner_pid})",
    "SELECT pg_log_backend_memory_contexts({owner_pid})",
    "SELECT pg_advisory_lock(7561581)",
    "SELECT pg_try_advisory_lock_shared(1, 2)",
    "SELECT pg_advisory_xact_lock(number) FROM generate_series(1, 1000000) AS number",
    "SELECT pg_advisory_unlock_all()",
    "LOCK TABLE facts IN ACCESS EXCLUSIVE MODE",
    "LOCK TABLE facts IN SHARE MODE",
    "LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM facts FOR UPDATE",
    "SELECT * FROM pg_class FOR SHARE",
    "SELECT pg_notify('run_events', 'mine')",
    "SELECT pg_logical_emit_message(false, 'mine', 'text')",
    "SELECT pg_current_xact_id()",
    "SELECT txid_current()",
    "SELECT pg_switch_wal()",
    "SELECT pg_backup_start('mine')",
    "SELECT pg_promote()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_stat_reset()",
    "SELECT pg_replication_origin_create('mine')",
    "SELECT pg_import_system_collations('pg_catalog')",
    "ALTER SYSTEM SET work_mem = 64",
    "CHECKPOINT",
    "REINDEX DATABASE {database}",
    "DROP DATABASE dagster",
    "CREATE SUBSCRIPTION mine CONNECTION '' PUBLICATION mine WITH (connect = false)",
)
TIMESCALEDB = (
    "SELECT * FROM timescaledb_information.chunks",
    "SELECT * FROM timescaledb_information.hypertables",
    "SELECT * FROM timescaledb_information.dimensions",
    "SELECT * FROM timescaledb_information.jobs",
    "SELECT * FROM timescaledb_experimental.policies",
    "SELECT * FROM _timescaledb_catalog.hypertable",
    "SELECT * FROM _timescaledb_catalog.chunk",
    "SELECT * FROM _timescaledb_catalog.dimension_slice",
    "SELECT * FROM _timescaledb_catalog.chunk_column_stats",
    "SELECT * FROM _timescaledb_catalog.metadata",
    "SELECT * FROM _timescaledb_config.bgw_job",
    "SELECT * FROM _timescaledb_internal.hypertable_chunk_local_size",
    "SELECT _timescaledb_functions.relation_size('pg_class')",
    "SELECT _timescaledb_functions.hypertable_local_size('sma', 'batch_averages')",
    "SELECT _timescaledb_functions.chunks_local_size('sma', 'batch_averages')",
    "SELECT _timescaledb_functions.drop_chunk('{batch_chunk}')",
    "SELECT _timescaledb_functions.get_approx_row_count('pg_class')",
    "SELECT _timescaledb_functions.stop_background_workers()",
    "SELECT public.hypertable_size('pg_class')",
    "SELECT public.timescaledb_pre_restore()",
    "SELECT public.time_bucket('1 day', now())",
    "SET timescaledb.restoring = on",
)

# what no right of PostgreSQL closes: by the words of docs/serving.md, a statement and what its answer must match
REMAINS = {
    "names of roles, schemas and tables": ("SELECT rolname FROM pg_roles", r"/BB"),
    "definitions of views": ("SELECT definition FROM pg_views WHERE schemaname = 'customer/BB'", r"'BB'"),
    "estimated rows of every table": (
        "SELECT reltuples FROM pg_class WHERE oid = to_regclass('{stream_chunk}')",
        r"\([1-9]",
    ),
    "rows that a query reads and leaves out": (
        "EXPLAIN (ANALYZE) SELECT * FROM facts",
        r"Rows Removed by Filter: [1-9]",
    ),
    "days of every chunk": (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass('{stream_chunk}')",
        r"2013-01-",
    ),
    "settings of the server": ("SELECT setting FROM pg_settings WHERE name = 'max_connections'", r"[0-9]"),
    "its own password": ("ALTER ROLE \"{database}/AA\" PASSWORD 'mine'", r"^$"),
    "its own limits of time and memory": ('ALTER ROLE "{database}/AA" SET statement_timeout = 0', r"^$"),
    "memory and processor time": ("SELECT length(repeat('x', 50000000))", r"50000000"),
    "notifications": ("NOTIFY run_events, 'mine'", r"^$"),
    "locks of a reader": ("LOCK TABLE facts IN ACCESS SHARE MODE", r"^$"),
    "signals to its own sessions": ("SELECT pg_cancel_backend(pg_backend_pid()) IS NULL", r"False|canceling"),
}


def placeholders(owner: psycopg.Connection) -> dict[str, str]:
    """Return what the braces in an attempt stand for in a database; the owner's session is to stay open."""

    def chunk(table: str) -> str:
        row = owner.execute("SELECT public.show_chunks(%s::regclass)::text", (f"sma.{table}",)).fetchone()
        assert row is not None, f"sma.{table} has no chunk: nothing could be read from it"
        return str(row[0])

    return {
        "{database}": owner.info.dbname,
        "{owner_pid}": str(owner.info.backend_pid),
        "{stream_chunk}": chunk("streaming_averages"),
        "{batch_chunk}": chunk("batch_averages"),
        "{difference_chunk}": chunk("differences"),
    }


def fill(statement: str, places: dict[str, str]) -> str:
    """Return an attempt as a customer would send it."""
    for name, value in places.items():
        statement = statement.replace(name, value)
    return statement.replace("{{", "{").replace("}}", "}")


def outcome(connection: psycopg.Connection, statement: str) -> tuple[str | None, str]:
    """Try a statement; return the SQLSTATE of the error, if any, and all that was said: rows, notices and the error."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(str(notice.message_primary))

    connection.add_notice_handler(hear)
    state = None
    try:
        with nullcontext() if _NEVER_IN_A_TRANSACTION.match(statement) else connection.transaction(force_rollback=True):
            heard.append(_answer(connection, statement))
    except psycopg.Error as error:
        state = error.sqlstate
        heard.append(str(error))
    finally:
        connection.remove_notice_handler(hear)
    connection.execute(b"DEALLOCATE ALL")  # what was prepared outlives a transaction
    return state, "\n".join(heard)


def _answer(connection: psycopg.Connection, statement: str) -> str:
    cursor = connection.cursor()
    if re.match(r"COPY .* TO STDOUT", statement):
        with cursor.copy(statement.encode()) as copy:
            return b"".join(bytes(part) for part in copy).decode()
    cursor.execute(statement.encode())
    if statement.startswith("PREPARE"):  # which asks for no privilege yet
        cursor.execute(b"EXECUTE peek")
    if statement.startswith("DECLARE"):
        cursor.execute(b"FETCH ALL FROM peek")
    return "\n".join(map(str, cursor.fetchall())) if cursor.description else ""


def secrets_in(said: str) -> Sequence[str]:
    """Return those of BB's secrets that an answer holds."""
    return [secret for secret in SECRETS if secret in said]


def is_refusal(state: str | None) -> bool:
    """Return whether an error says that this is not for the one who asks."""
    return state in _REFUSALS
