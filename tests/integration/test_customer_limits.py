"""What a customer uses of the server is limited, and what it can change itself is reported."""

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from batch.checks.customer_sessions import LONGEST, end_long_sessions
from database import customers
from database.customer_roles import CONNECTIONS, SESSION_DEFAULTS, TEMP_FILE_LIMIT
from database.migrate import connect, create_database, drop_database, migrate, with_database
from deploy.local.environment import ROLES, read_environment
from deploy.local.services.programs import POSTGRES_BIN
from monitoring.exporter.database import look_at_the_server
from sma.errors import SmaError
from sma.settings import CHECKOUT
from tests.support.metrics import samples
from tests.support.places import Place

LIMITS = {**SESSION_DEFAULTS, "temp_file_limit": TEMP_FILE_LIMIT}


@pytest.fixture
def owner_url(own_database: Place) -> str:
    return own_database.settings.owner_database_url.get_secret_value()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with connect(owner_url) as connection:
        yield connection


def limits_of(url: str) -> dict[str, str]:
    with connect(url) as session:
        return {name: session.execute("SELECT current_setting(%s)", (name,)).fetchone()[0] for name in LIMITS}


def forget_limits(owner: psycopg.Connection, role: str) -> None:
    """Make a role what it was before there were limits."""
    owner.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(sql.Identifier(role)))
    owner.execute(
        sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(
            sql.Identifier(role), sql.Identifier(owner.info.dbname)
        )
    )


def connection_limit(owner: psycopg.Connection, role: str) -> int:
    return owner.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", (role,)).fetchone()[0]


def change_own_password(access: customers.Access) -> None:
    with connect(access.url) as intruder:
        intruder.execute(sql.SQL("ALTER ROLE {} PASSWORD 'mine'").format(sql.Identifier(access.role)))


def test_a_session_begins_with_the_limits(owner_url):
    assert limits_of(customers.add_customer(owner_url, "AA").url) == LIMITS


def test_customers_of_former_releases_get_the_limits_with_the_next_migration(owner_url, owner):
    access = customers.add_customer(owner_url, "AA")
    forget_limits(owner, access.role)
    assert limits_of(access.url)["statement_timeout"] == "0"
    migrate(owner_url)
    assert limits_of(access.url) == LIMITS
    assert connection_limit(owner, access.role) == CONNECTIONS


@pytest.mark.parametrize("scope", ["", "IN DATABASE {database} "])
def test_defaults_that_a_customer_has_set_for_itself_are_forgotten(owner_url, owner, scope):
    access = customers.add_customer(owner_url, "AA")
    with connect(access.url) as own:
        change = f"ALTER ROLE {{role}} {scope}SET statement_timeout = 0"
        own.execute(
            sql.SQL(change).format(role=sql.Identifier(access.role), database=sql.Identifier(owner.info.dbname))
        )
    customers.rotate_password(owner_url, "AA")
    migrate(owner_url)
    assert owner.execute(
        "SELECT count(*) FROM pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS setting"
        " WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = %s) AND setting = 'statement_timeout=0'",
        (access.role,),
    ).fetchone() == (0,)


def test_a_query_that_needs_more_temporary_files_ends(owner_url, owner):
    access = customers.add_customer(owner_url, "AA")
    owner.execute(
        sql.SQL("ALTER ROLE {} IN DATABASE {} SET temp_file_limit = '1MB'").format(
            sql.Identifier(access.role), sql.Identifier(owner.info.dbname)
        )
    )
    with connect(access.url) as own:
        own.execute("SET work_mem = '64kB'")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="temp_file_limit"):
            own.execute("SELECT number FROM generate_series(1, 200000) AS number ORDER BY number DESC")


def test_customers_together_leave_connections_to_the_parts(own_database, owner_url):
    environment = read_environment(own_database.settings.state_dir)
    assert environment is not None
    server = owner_url.rpartition("@")[2]
    with ExitStack() as sessions:
        with pytest.raises(SmaError, match="remaining connection slots are reserved"):
            for number in range(20):
                url = customers.add_customer(owner_url, f"C{number}").url
                for _ in range(CONNECTIONS):
                    sessions.enter_context(connect(url))
        for role in set(ROLES) - {"postgres", "sma_dagster"}:
            connect(f"postgresql://{role}:{environment.password(role)}@{server}").close()


def test_the_exporter_reads_how_many_connections_are_left_to_everybody(own_database):
    read = samples(look_at_the_server(own_database.settings))
    assert read["sma_database_max_connections",] == 200 - 60 - 3  # less reserved ones, and those of superusers
    assert read["sma_hypertable_size_bytes", "batch_averages"] > 0  # what customers cannot see, its role still can


def test_one_customer_has_no_more_sessions_than_its_limit(owner_url):
    url = customers.add_customer(owner_url, "AA").url
    with ExitStack() as sessions:
        for _ in range(CONNECTIONS):
            sessions.enter_context(connect(url))
        with pytest.raises(SmaError, match="too many connections for role"):
            connect(url)


def states(owner_url: str) -> dict[str, str]:
    return {one.customer: one.password_state for one in customers.list_customers(owner_url)}


def test_a_password_that_a_customer_has_changed_is_reported(owner_url):
    access = customers.add_customer(owner_url, "AA")
    customers.add_customer(owner_url, "BB")
    assert states(owner_url) == {"AA": "as_given", "BB": "as_given"}
    change_own_password(access)
    assert states(owner_url) == {"AA": "changed", "BB": "as_given"}
    connect(customers.rotate_password(owner_url, "AA").url).close()
    assert states(owner_url) == {"AA": "as_given", "BB": "as_given"}


def test_a_password_of_a_former_release_is_not_known_until_it_is_rotated(owner_url, owner):
    customers.add_customer(owner_url, "AA")
    owner.execute("UPDATE sma.customers SET password_digest = NULL")
    assert states(owner_url) == {"AA": "unknown"}
    customers.rotate_password(owner_url, "AA")
    assert states(owner_url) == {"AA": "as_given"}


def test_who_has_a_leaked_password_is_out_when_sessions_are_ended(owner_url):
    access = customers.add_customer(owner_url, "AA")
    with connect(access.url) as intruder, connect(access.url) as other:
        customers.rotate_password(owner_url, "AA")
        assert intruder.execute("SELECT 1").fetchone() == (1,)  # it stays, and could change the password again
        new = customers.rotate_password(owner_url, "AA", ends_sessions=True)
        for session in (intruder, other):
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
    connect(new.url).close()
    assert states(owner_url) == {"AA": "as_given"}


def test_the_owner_reads_digests_of_customers_alone(owner_url, owner):
    access = customers.add_customer(owner_url, "AA")
    digests = owner.execute(
        "SELECT rolname FROM pg_roles WHERE sma.password_digest(rolname) IS NOT NULL ORDER BY rolname"
    ).fetchall()
    assert digests == [(access.role,)]


@pytest.fixture
def unrestricted(database_server: Place) -> Iterator[str]:
    """The owner's URL of a database whose superuser has not run restrict_public.sql."""
    server, name = database_server.settings.owner_database_url.get_secret_value(), f"t{secrets.token_hex(4)}"
    create_database(server, name)
    yield with_database(server, name)
    drop_database(server, name)


def test_what_a_superuser_has_left_open_is_reported(owner_url, unrestricted):
    assert customers.add_customer(owner_url, "AA").left_open == ()
    assert [one.left_open for one in customers.list_customers(owner_url)] == [()]
    access = customers.add_customer(unrestricted, "AA")
    assert access.left_open == (
        "run DO blocks",
        "see the statistics of all tables and sessions",
        "read the catalog of TimescaleDB",
        "make large objects",
        "take advisory locks",
    )
    (listed,) = customers.list_customers(unrestricted)
    assert (listed.password_state, listed.left_open) == ("unknown", access.left_open)


def test_a_superuser_closes_it_as_the_documentation_shows(database_server, unrestricted):
    page = (CHECKOUT / "docs" / "serving.md").read_text()
    (command,) = re.findall(r"^psql -U postgres -d sma (-1 .*restrict_public\.sql)$", page, re.M)
    environment = read_environment(database_server.settings.state_dir)
    assert environment is not None
    url = environment.superuser_url(unrestricted.rpartition("/")[2])
    for _ in range(2):
        ran = subprocess.run(
            [POSTGRES_BIN / "psql", "-q", "-X", url, *command.split()],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert customers.add_customer(unrestricted, "AA").left_open == ()
    assert [(one.password_state, one.left_open) for one in customers.list_customers(unrestricted)] == [("as_given", ())]


def test_a_database_that_customers_may_connect_to_is_reported(owner_url, unrestricted):
    access = customers.add_customer(owner_url, "AA")
    name = unrestricted.rpartition("/")[2]
    with connect(unrestricted) as owner:
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO PUBLIC").format(sql.Identifier(name)))
    (listed,) = customers.list_customers(owner_url)
    assert (listed.role, listed.left_open) == (access.role, (f"connect to the database {name}",))


def test_the_commands_report_it(own_database, owner_url, unrestricted):
    access = customers.add_customer(owner_url, "AA")
    change_own_password(access)
    listed = own_database.sma("customer", "list")
    assert "changed" in listed.stdout
    assert "the password of AA was changed by somebody who had logged in with it" in " ".join(listed.stderr.split())
    elsewhere = Place(own_database.settings, own_database.environ | {"SMA_OWNER_DATABASE_URL": unrestricted})
    added = " ".join(elsewhere.sma("customer", "add", "BB").stderr.split())
    assert "customers may also make large objects, read the catalog" in added
    assert own_database.sma("customer", "rotate", "AA", "--end-sessions").returncode == 0
    assert "changed" not in own_database.sma("customer", "list").stdout


def test_a_transaction_that_lasts_too_long_ends_whatever_time_outs_the_customer_has_set(own_database, owner_url):
    url, other_url = (customers.add_customer(owner_url, name).url for name in ("AA", "BB"))
    with connect(url) as lasting, connect(url) as idle, connect(other_url) as other:
        lasting.execute("SET transaction_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        lasting.execute("BEGIN; TABLE facts")
        with psycopg.connect(own_database.settings.batch_database_url.get_secret_value()) as part:
            part.execute("SELECT 1")  # in a transaction too, and no customer's
            assert end_long_sessions(own_database.settings, timedelta(hours=1)) == []
            (ended,) = end_long_sessions(own_database.settings, timedelta(0))
            part.execute("SELECT 1")
        assert f"a session of {lasting.info.user}, whose transaction was open for 0:00:" in ended
        with pytest.raises(psycopg.OperationalError):
            lasting.execute("SELECT 1")
        for session in (idle, other):
            assert session.execute("SELECT 1").fetchone() == (1,)


def test_nobody_but_the_batch_layer_ends_customers_sessions(owner_url, owner):
    access = customers.add_customer(owner_url, "AA")
    allowed = owner.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
        " AND has_function_privilege(rolname, 'sma.end_customer_sessions(interval)', 'EXECUTE') ORDER BY rolname",
        ([*(role for role in ROLES if role != "postgres"), access.role],),
    ).fetchall()
    assert allowed == [("sma_batch",), ("sma_owner",)]


def test_a_transaction_has_one_limit():
    assert SESSION_DEFAULTS["transaction_timeout"] == f"{LONGEST.total_seconds() / 60:.0f}min"


@pytest.mark.parametrize(
    ("url", "table"), [("streaming_database_url", "streaming_averages"), ("batch_database_url", "batch_averages")]
)
def test_both_layers_still_make_chunks(own_database, owner, url, table):
    with connect(getattr(own_database.settings, url).get_secret_value()) as layer:
        layer.execute(
            sql.SQL(
                "INSERT INTO {} (customer, metric, average, as_of, value_sum, event_count)"
                " VALUES ('AA', 'delay', 'hour', '2031-01-01 10:00+00', 7, 3) ON CONFLICT DO NOTHING"
            ).format(sql.Identifier("sma", table))
        )
        assert layer.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE as_of > now()").format(sql.Identifier("sma", table))
        ).fetchone() == (1,)
    assert owner.execute("SELECT count(*) FROM public.show_chunks(%s::regclass)", (f"sma.{table}",)).fetchone() == (1,)
