"""The logs of the real parts: every line is an event, and errors of the real JVMs reach a collector that is strict."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
import pytest
import requests

from deploy.local.environment import Environment, plan_environment
from deploy.local.services.kafka_java import kafka_java
from deploy.local.services.programs import config_files
from deploy.local.services.render import FLINK_HOME
from monitoring.logs.events import ALWAYS
from orchestration.backfill import follow_backfill, launch_backfill
from sma.settings import Settings
from tests.support.places import Place
from tests.support.splunk_collector import TOKEN, SplunkCollector, running_collector

NOBODY = "http://127.0.0.1:9"
SERVICES = {"kafka", "flink-jobmanager", "flink-taskmanager", "dagster", "exporter", "overview"}


def rendered(folder: Path, url: str) -> Environment:
    """Write what `sma up` writes for a stack of which no part runs."""
    settings = Settings(state_dir=folder, splunk_url=url, splunk_token=TOKEN, splunk_index="main")
    environment = plan_environment(folder, {}, None)
    for part in config_files(settings, environment).values():
        for path, text in part.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return environment


def fail_kafka(environment: Environment) -> None:
    """Start the broker with a configuration that is not there: it logs an error and ends."""
    end_in_error(kafka_java(environment, "kafka.Kafka", "/not/there", heap="64m"), {"SMA_SERVICE": "kafka"})


def fail_flink(environment: Environment) -> None:
    """Start the JobManager with a folder that cannot be made: it logs an error and ends."""
    state = environment.state_dir
    command = [f"{FLINK_HOME}/bin/jobmanager.sh", "start-foreground", "-D", "blob.storage.directory=/dev/null/blobs"]
    folders = {name: f"{state}/flink" for name in ("FLINK_LOG_DIR", "FLINK_PID_DIR")}
    end_in_error(
        command,
        {"SMA_SERVICE": "flink-jobmanager", "FLINK_CONF_DIR": f"{state}/flink/conf", "FLINK_IDENT_STRING": "t"}
        | folders,
    )


def end_in_error(command: list[str], variables: dict[str, str]) -> None:
    ended = subprocess.run(
        command,
        env=os.environ | {"SMA_SPLUNK_TOKEN": TOKEN} | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode != 0
    assert TOKEN not in ended.stdout + ended.stderr


FAILURES = pytest.mark.parametrize(
    ("service", "fail"), [("kafka", fail_kafka), ("flink-jobmanager", fail_flink)], ids=["kafka", "flink"]
)


@FAILURES
def test_an_error_of_the_real_process_reaches_the_collector(service, fail, tmp_path):
    with running_collector() as collector:
        fail(rendered(tmp_path, collector.url))
    assert_error(collector, service)
    assert set(collector.statuses) == {200}
    written = [event for event in events_in(tmp_path / "logs" / "json", service) if event["level"] == "ERROR"]
    assert [event["message"] for event in written] == [event["message"] for event in errors(collector)]


@FAILURES
def test_what_does_not_reach_the_collector_is_kept_as_it_takes_it_later(service, fail, tmp_path):
    fail(rendered(tmp_path, NOBODY))
    kept = tmp_path / "logs" / "undelivered" / f"{service}.jsonl"
    with running_collector() as collector:
        answer = requests.post(
            f"{collector.url}/services/collector/event",
            data=kept.read_bytes(),
            headers={"Authorization": f"Splunk {TOKEN}"},
            timeout=30,
        )
        assert answer.json() == {"text": "Success", "code": 0}
        assert_error(collector, service)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]


def errors(collector: SplunkCollector) -> list[dict]:
    return [event for event in collector.events if event["level"] == "ERROR"]


def assert_error(collector: SplunkCollector, service: str) -> None:
    found = errors(collector)
    assert found
    assert {event["service"] for event in found} == {service}
    assert any("\tat " in event["exception"] for event in found if "exception" in event)
    assert {envelope["sourcetype"] for envelope in collector.envelopes} == {"sma:json"}
    assert all(isinstance(envelope["time"], float) for envelope in collector.envelopes)


def events_in(folder: Path, service: str) -> list[dict]:
    files = sorted(folder.glob(f"{service}.jsonl*"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_every_line_of_the_running_stack_is_an_event_of_its_service(stack):
    folder = stack.settings.state_dir / "logs" / "json"
    for service in SERVICES:
        events = events_in(folder, service)
        assert events
        assert {event["service"] for event in events} == {service}
        assert all(event.keys() >= set(ALWAYS) for event in events)


@contextmanager
def unreadable_index(stack: Place) -> Iterator[None]:
    """Let every run of the stack's own Dagster fail, whatever the log holds."""
    with psycopg.connect(stack.settings.owner_database_url.get_secret_value(), autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON sma.indexed_partitions FROM sma_batch")
        try:
            yield
        finally:
            owner.execute("GRANT SELECT ON sma.indexed_partitions TO sma_batch")


def test_a_run_that_fails_says_in_the_log_which_run_and_day_and_why(stack):
    own = Place(stack.settings, stack.environ)
    with unreadable_index(stack):
        backfill_id = launch_backfill(stack.settings, [date(1999, 1, 1), date(1999, 1, 2)])
        outcome = follow_backfill(stack.settings, backfill_id, print)
        refused = own.sma("reconcile", "--start", "1999-01-01", "--end", "1999-01-02")
    assert outcome.error is not None
    assert refused.returncode == 1
    folder = stack.settings.state_dir / "logs" / "json"
    (said,) = [
        event
        for event in events_in(folder, "dagster")
        if event.get("event_type") == "STEP_FAILURE" and event.get("day") == "1999-01-01..1999-01-02"
    ]
    assert said["level"] == "ERROR"
    assert said["run_id"]
    assert said["step"] == "batch_averages"
    # an empty log, where no test before this one has filled it, is said first
    assert re.search(
        "permission denied for table indexed_partitions|holds no event and no heartbeat", said["exception"]
    )
    assert [event for event in events_in(folder, "cli") if event["level"] == "ERROR"]


def test_another_token_than_the_running_stacks_is_refused_before_anything_is_touched(stack):
    kafka = stack.settings.state_dir / "kafka" / "log4j2.properties"
    before = kafka.read_text()
    own = Place(stack.settings, stack.environ | {"SMA_SPLUNK_URL": NOBODY, "SMA_SPLUNK_TOKEN": TOKEN})
    refused = own.sma("up")
    assert refused.returncode == 1
    assert "SMA_SPLUNK_TOKEN is not what the running stack was started with" in refused.stderr
    assert TOKEN not in refused.stderr
    assert kafka.read_text() == before
