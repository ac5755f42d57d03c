"""Nobody reads in Flink what a job connects with: not in its REST API, nor in its logs, nor in a list of processes."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clients.flink import FlinkRest
from clients.kafka.security import has_tls
from sma.averages import load_averages
from streaming.control import lifecycle
from streaming.control.kafka_log import KafkaLog
from streaming.submit.jdbc import JdbcAddress
from streaming.submit.options import job_options
from streaming.submit.plan import running_plan
from streaming.submit.submission import submit
from tests.support.flink_pages import pages

YAML = "{watermark_delay: 1 minute, allowed_lateness: 1 hour, averages: [{name: hour, window: 1 hour, every: 1 hour}]}"
# each of these options holds a secret of its own; a connection without TLS and SASL uses none of them, and is given all
OPTIONS = {
    "sasl.jaas.config": 'org.apache.kafka.common.security.plain.PlainLoginModule required password="{}";',
    "ssl.keystore.key": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "ssl.keystore.certificate.chain": "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
    "ssl.truststore.certificates": "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
    "ssl.key.password": "{}",
    "ssl.keystore.password": "{}",
    "ssl.truststore.password": "{}",
    "sasl.oauthbearer.client.credentials.client.secret": "{}",
}
SECRETS = {name: f"secret-{number}-of-the-job" for number, name in enumerate(OPTIONS)}


@pytest.fixture(scope="module")
def submitted(open_place, slots, tmp_path_factory):
    """The place, the id of a job for each way of submitting, and the command lines that were there meanwhile."""
    averages_file = tmp_path_factory.mktemp("secrets") / "averages.yaml"
    averages_file.write_text(YAML)
    with open_place() as place:
        job_ids, commands = {}, set()
        for way in ("rest", "client"):
            name = f"{place.settings.job_name}-{way}"
            settings = place.settings.model_copy(update={"flink_submit": way, "job_name": name, "parallelism": 1})
            plan = running_plan(settings, load_averages(averages_file), 1, KafkaLog(settings).starts(), {})
            if not has_tls(settings):
                plan["kafka"]["properties"] |= {name: text.format(SECRETS[name]) for name, text in OPTIONS.items()}
            with ThreadPoolExecutor(1) as executor:
                submission = executor.submit(submit, settings, job_options(settings, 1, None, None), plan)
                while not submission.done():
                    commands |= set(command_lines())
            job_ids[way] = submission.result()
            lifecycle.poll(lambda: lifecycle.required_job(settings).is_running, 120, "the job does not run")  # noqa: B023
        yield place, job_ids, commands
        for job_id in job_ids.values():
            FlinkRest(place.settings.flink_url).cancel(job_id)


def command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue


def secrets_of(place):
    password = JdbcAddress.from_url(place.settings.streaming_database_url.get_secret_value()).password
    assert password
    secrets = connecting_with(place.settings.kafka_as("stream")) if has_tls(place.settings) else SECRETS
    return secrets | {"the database's password": password}


def connecting_with(settings):
    secrets = {
        "password": settings.kafka_password.get_secret_value(),
        "client secret": settings.kafka_oauth_client_secret.get_secret_value(),
        "key": settings.kafka_key_file.read_text().splitlines()[1] if settings.kafka_key_file else "",
    }
    given = {name: secret for name, secret in secrets.items() if secret}
    assert given
    return given


@pytest.mark.parametrize("way", ["rest", "client"])
def test_no_page_of_flink_shows_a_secret(submitted, way):
    place, job_ids, _ = submitted
    shown = dict(pages(place.settings.flink_url, job_ids[way]))
    assert f"{place.settings.job_name}-{way}" in shown["/jobs/overview"]
    assert len(shown) > 60
    found = {
        (path, name) for path, text in shown.items() for name, secret in secrets_of(place).items() if secret in text
    }
    assert found == set()


def test_no_file_of_flink_holds_a_secret(submitted):
    place, _, _ = submitted
    secrets = {name: secret.encode() for name, secret in secrets_of(place).items()}
    files = dict(contents(place.settings.state_dir / "logs")) | dict(contents(place.settings.state_dir / "flink"))
    log = next(text for path, text in files.items() if path.name == "flink-taskmanager.log")
    assert re.search(
        rb"(sasl\.jaas\.config|ssl\.keystore\.key) = \[hidden\]", log
    )  # Kafka's clients say how they connect
    assert {(path, name) for path, text in files.items() for name, secret in secrets.items() if secret in text} == set()


def contents(folder: Path):
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path, path.read_bytes()
        except FileNotFoundError:  # a checkpoint that is followed by others
            continue


def test_no_list_of_processes_shows_a_secret(submitted):
    place, _, commands = submitted
    assert any("pyflink_job" in command for command in commands)
    assert [command for command in commands for secret in secrets_of(place).values() if secret in command] == []
