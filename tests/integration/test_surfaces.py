"""Each surface of the stack without credentials gives what docs/operating.md lists, and no password."""

import os
import stat
from contextlib import suppress
from datetime import date
from pathlib import Path

import psycopg
import pytest
import requests
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.local.account import postgres_account
from deploy.local.environment import ROLES, Environment, read_environment
from deploy.local.folders import PASSABLE_BY_GROUP
from deploy.local.kafka_layout import has_tls
from deploy.local.ports import LOOPBACK
from deploy.local.processes import stack_processes
from orchestration.backfill import follow_backfill, launch_backfill

OPEN = {
    "flink": "/jars",
    "dagster": "/server_info",
    "prometheus": "/api/v1/status/config",
    "alertmanager": "/api/v2/alerts",
    "exporter": "/metrics",
    "flink_metrics": "/metrics",
    "flink_metrics_2": "/metrics",
}
PAGES = {
    "flink": (
        "/config",
        "/overview",
        "/jars",
        "/jobmanager/config",
        "/jobmanager/environment",
        "/jobmanager/log",
        "/jobmanager/stdout",
        "/jobs/overview",
        "/taskmanagers",
    ),
    "dagster": ("/server_info",),
    "prometheus": ("/api/v1/status/config", "/api/v1/status/flags", "/api/v1/targets", "/api/v1/label/__name__/values"),
    "alertmanager": ("/api/v2/status", "/api/v2/alerts", "/metrics"),
    "exporter": ("/metrics",),
}
PAGES_OF_A_JOB = ("", "/config", "/plan", "/exceptions", "/checkpoints", "/checkpoints/config")


@pytest.fixture
def environment(stack) -> Environment:
    found = read_environment(stack.settings.state_dir)
    assert found is not None
    return found


def get(environment: Environment, listener: str, path: str) -> requests.Response:
    return requests.get(f"http://{LOOPBACK}:{environment.ports[listener]}{path}", timeout=30)


@pytest.mark.parametrize("listener", OPEN)
def test_what_is_listed_as_open_answers_without_a_login(environment, listener):
    assert get(environment, listener, OPEN[listener]).status_code == 200


def test_kafka_shows_its_topics_without_a_login_where_it_is_not_secured(environment, stack):
    nobody = {"bootstrap.servers": f"{LOOPBACK}:{environment.ports['kafka']}", "log_level": 0}
    admin = AdminClient({**nobody, "error_cb": lambda _: None})
    if has_tls(environment.values):
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=5)
    else:
        assert stack.settings.events_topic in admin.list_topics(timeout=30).topics


def test_no_page_shows_a_password(environment):
    passwords = [value for name, value in environment.values.items() if name.startswith("SMA_PASSWORD_")]
    jobs = get(environment, "flink", "/jobs/overview").json()["jobs"]
    pages = {(listener, path) for listener, paths in PAGES.items() for path in paths}
    pages |= {("flink", f"/jobs/{job['jid']}{page}") for job in jobs for page in PAGES_OF_A_JOB}
    shown = {f"{listener} {path}": get(environment, listener, path).text for listener, path in pages}
    query = {"query": "{ instance { info } }"}
    graphql = f"http://{LOOPBACK}:{environment.ports['dagster']}/graphql"
    shown["dagster's instance"] = requests.post(graphql, json=query, timeout=30).text
    assert len(passwords) == len(ROLES)
    assert all(shown[f"{listener} {path}"] for listener, path in OPEN.items() if listener in PAGES)
    assert [page for page, text in shown.items() if any(password in text for password in passwords)] == []


def test_what_dagster_keeps_of_a_run_holds_no_secret(environment, stack):
    outcome = follow_backfill(stack.settings, launch_backfill(stack.settings, [date(1999, 1, 1)]), print)
    secrets = [value for name, value in environment.values.items() if "PASSWORD" in name or "SECRET" in name]
    with psycopg.connect(environment.superuser_url("dagster")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'").fetchall()
        kept = {
            table: "\n".join(text for (text,) in connection.execute(f"SELECT t::text FROM {table} AS t".encode()))
            for (table,) in tables
        }
    assert all(run_id in kept["event_logs"] for run_id in outcome.run_ids)
    assert len(secrets) >= len(ROLES)
    assert [table for table, text in kept.items() if any(secret in text for secret in secrets)] == []


def test_the_folders_of_the_running_stack_are_private(stack):
    state_dir = stack.settings.state_dir
    folders = [state_dir, *(path for path in state_dir.iterdir() if path.is_dir() and not path.is_symlink())]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folders}
    assert modes.pop(state_dir.name) == (0o700 if postgres_account() is None else PASSABLE_BY_GROUP)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_no_process_makes_files_that_others_may_read(stack):
    open_umasks = {}
    for pid, command in stack_processes(stack.settings.state_dir).items():
        with suppress(OSError):  # it has ended meanwhile
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            (umask,) = [line.split()[1] for line in lines if line.startswith("Umask:")]
            if int(umask, 8) & 0o077 != 0o077:
                open_umasks[command] = umask
    assert open_umasks == {}


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
@pytest.mark.parametrize("database", ["postgres", "sma", "dagster", "template1"])
def test_postgresql_lets_nobody_in_without_a_password(database_server, role, database, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    environment = read_environment(database_server.settings.state_dir)
    assert environment is not None
    place = {"host": LOOPBACK, "port": environment.ports["postgres"], "user": role, "dbname": database}
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**place, passfile="/dev/null")
    # a role that does not exist is answered as one that does
    with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{role}"'):
        psycopg.connect(**place, password="guessed")  # noqa: S106
