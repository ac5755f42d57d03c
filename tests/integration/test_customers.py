"""`sma customer`: roles and views come and go, and a password opens what it should for as long as it should."""

import json
from collections.abc import Iterator

import psycopg
import psycopg.sql
import pytest

from database import customers
from database.customer_views import VIEWS
from database.migrate import connect, create_database, drop_database, migrate, with_database
from sma.errors import SmaError
from tests.support.places import Place

NAMES = ["AA", "Ünïcode & Söhne", 'o\'brien "quoted"', "x" * 128, "ä" * 128, "%s {} $1"]


@pytest.fixture
def owner_url(own_database: Place) -> str:
    return own_database.settings.owner_database_url.get_secret_value()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with connect(owner_url) as connection:
        connection.execute(b"INSERT INTO sma.averages (name, window_ms, every_ms) VALUES ('hour', 3600000, 60000)")
        yield connection


def state(connection: psycopg.Connection, customer: str) -> None:
    connection.execute(
        "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)"
        " VALUES (%s, 'delay', 'hour', '2013-01-01 10:00+00', 7, 3)",
        (customer,),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_customer_reads_its_own_rows_whatever_it_is_called(owner_url, owner, name):
    state(owner, name)
    state(owner, "somebody else")
    access = customers.add_customer(owner_url, name)
    assert access.has_rows
    assert max(len(access.role.encode()), len(access.schema.encode())) <= 63
    with connect(access.url) as own:
        assert own.execute("SELECT customer, sma::text FROM facts").fetchall() == [(name, "2.333333333")]
        for view in VIEWS:
            own.execute(f"TABLE {view}".encode())
    customers.remove_customer(owner_url, name)
    assert customers.list_customers(owner_url) == []


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 129])
def test_what_cannot_be_the_name_of_a_customer_is_one_line(owner_url, name):
    with pytest.raises(SmaError, match="cannot be a customer"):
        customers.add_customer(owner_url, name)


def test_a_new_password_takes_the_place_of_the_old_one(owner_url):
    old = customers.add_customer(owner_url, "AA")
    assert not old.has_rows
    new = customers.rotate_password(owner_url, "AA")
    with pytest.raises(SmaError, match="password authentication failed"):
        connect(old.url)
    connect(new.url).close()
    assert "SCRAM" not in new.url


def test_a_customer_that_is_removed_is_out_at_once_and_can_come_back(owner_url, owner):
    state(owner, "AA")
    access = customers.add_customer(owner_url, "AA")
    with connect(access.url) as own:
        customers.remove_customer(owner_url, "AA")
        with pytest.raises(psycopg.OperationalError):
            own.execute("TABLE facts")
    with pytest.raises(SmaError):
        connect(access.url)
    assert owner.execute("SELECT count(*) FROM serving.facts").fetchone() == (1,)
    connect(customers.add_customer(owner_url, "AA").url).close()


def test_what_is_there_or_is_not_there_is_one_line(owner_url):
    customers.add_customer(owner_url, "AA")
    with pytest.raises(SmaError, match="customer AA is there already: `sma customer rotate`"):
        customers.add_customer(owner_url, "AA")
    for change in (customers.rotate_password, customers.remove_customer):
        with pytest.raises(SmaError, match="there is no customer BB: `sma customer list`"):
            change(owner_url, "BB")


def test_a_customer_that_could_not_be_added_leaves_nothing_behind(owner_url, owner):
    owner.execute('CREATE SCHEMA "customer/AA"')
    with pytest.raises(SmaError, match="already exists"):
        customers.add_customer(owner_url, "AA")
    assert customers.list_customers(owner_url) == []
    assert owner.execute(
        "SELECT count(*) FROM pg_roles WHERE starts_with(rolname, current_database() || '/')"
    ).fetchone() == (0,)


def test_one_customer_in_two_databases_has_two_roles(database_server, owner_url):
    other = f"{owner_url.rpartition('/')[2]}other"
    server = database_server.settings.owner_database_url.get_secret_value()
    create_database(server, other)
    try:
        here, there = (customers.add_customer(url, "AA") for url in (owner_url, with_database(server, other)))
        assert here.role != there.role
        with pytest.raises(SmaError, match="permission denied for database"):
            connect(with_database(here.url, other))
    finally:
        drop_database(server, other)


def test_views_of_customers_are_made_anew_with_those_that_they_stand_on(owner_url, owner):
    state(owner, "AA")
    access = customers.add_customer(owner_url, "AA")
    owner.execute("DROP VIEW serving.facts CASCADE")  # as where a release changes its columns
    migrate(owner_url)
    with connect(access.url) as own:
        assert own.execute("SELECT customer FROM facts").fetchall() == [("AA",)]


def test_a_role_that_did_not_come_along_with_the_database_is_made_by_a_new_password(owner_url, owner):
    state(owner, "AA")
    access = customers.add_customer(owner_url, "AA")
    owner.execute(
        psycopg.sql.SQL(
            "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}; REVOKE ALL ON SCHEMA {schema} FROM {role};"
            "REVOKE ALL ON DATABASE {database} FROM {role}; DROP ROLE {role}"
        ).format(
            role=psycopg.sql.Identifier(access.role),
            schema=psycopg.sql.Identifier(access.schema),
            database=psycopg.sql.Identifier(owner.info.dbname),
        )
    )
    migrate(owner_url)
    with connect(customers.rotate_password(owner_url, "AA").url) as own:
        assert own.execute("SELECT customer FROM facts").fetchall() == [("AA",)]


def test_the_commands(own_database: Place, owner):
    state(owner, "AA")
    added = own_database.sma("customer", "add", "AA", "--json")
    access = json.loads(added.stdout)
    with connect(access["url"]) as own:
        assert own.execute("SELECT customer FROM facts").fetchall() == [("AA",)]
        listed = json.loads(own_database.sma("customer", "list", "--json").stdout)
        assert [(one["customer"], one["role"], one["connections"]) for one in listed] == [("AA", access["role"], 1)]
    again = own_database.sma("customer", "add", "AA")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "sma: customer AA is there already: `sma customer rotate` gives it a new password\n"
    shown = own_database.sma("customer", "rotate", "AA").stdout
    assert "shown this once" in shown
    assert access["password"] not in shown
    assert "AA" in own_database.sma("customer", "list").stdout
    assert own_database.sma("customer", "remove", "AA", "--yes").returncode == 0
    assert "no customer reads for itself yet" in own_database.sma("customer", "list").stdout
    assert "is the name spelled" in own_database.sma("customer", "add", "nobody").stderr
