"""A Kafka with TLS, certificates, logins and ACLs: every client reads it, and says in one line what is wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from pydantic import SecretStr

from batch.log.broker import BROKERS
from batch.log.limits import ReadLimits
from batch.log.reader import read_values
from clients.kafka import session
from clients.kafka.connection import forget_admin
from clients.kafka.denied import Denied
from clients.kafka.groups import committed_offsets, delete_group
from clients.kafka.offsets import ends, partitions
from clients.kafka.pool import WIRES
from clients.kafka.topics import topic_config
from produce.publish import Publisher
from produce.series import Records
from sma.errors import SmaError
from sma.settings import KafkaSettings
from tests.support.secured_broker import SESSION_S, USER, SecuredKafka
from tests.support.tokens_server import Tokens, tokens_server

TOPIC, GROUP = "events", "streaming"
RECORDS = 2_000
EVERYTHING = (
    ("describe", "topic", TOPIC),
    ("read", "topic", TOPIC),
    ("write", "topic", TOPIC),
    ("describe_configs", "topic", TOPIC),
    ("describe", "group", GROUP),
    ("delete", "group", GROUP),
    ("read", "group", "batch"),
)
SMALL = ReadLimits(fetch_bytes=20_000, retry_seconds=0.5)


@pytest.fixture(scope="module")
def kafka(secured_kafka: SecuredKafka) -> Iterator[SecuredKafka]:
    """The secured brokers, with a topic of some records, whose leader is node 2."""
    admin = secured_kafka.admin
    for future in admin.create_topics([NewTopic(TOPIC, 1, replica_assignment=[[2, 1]])]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": secured_kafka.bootstrap("plain"), "batch.size": 20_000})
    for number in range(RECORDS):
        producer.produce(TOPIC, b"%0100d" % number, partition=0)
    assert producer.flush(30) == 0
    yield secured_kafka
    for future in admin.delete_topics([TOPIC]).values():
        future.result(30)


@pytest.fixture
def everything_allowed(kafka: SecuredKafka) -> Iterator[None]:
    with kafka.allowed(*EVERYTHING):
        yield


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    with tokens_server() as server:
        yield server


@pytest.fixture(autouse=True)
def new_clients() -> Iterator[None]:
    """No client has connected before."""
    forget_admin()
    BROKERS.close()
    WIRES.close()
    yield
    forget_admin()


def oauth(kafka: SecuredKafka, tokens: Tokens) -> KafkaSettings:
    return kafka.settings(
        "sasl_ssl",
        "OAUTHBEARER",
        kafka_oauth_token_url=tokens.url,
        kafka_oauth_client_id=USER,
        kafka_oauth_client_secret=SecretStr("of the client"),
    )


def values(settings: KafkaSettings, limits: ReadLimits = SMALL, pause_s: float = 0.0) -> list[int]:
    """Read the topic, a little at a time; each value is its Kafka offset."""
    found = []
    for each in read_values(settings, TOPIC, 0, 0, RECORDS, limits):
        found += [int(value.value or b"-1") for value in each]
        time.sleep(pause_s)
    return found


def by_reader(settings: KafkaSettings, reader: str) -> KafkaSettings:
    return settings.model_copy(update={"kafka_reader": reader})


CONNECTIONS = [
    ("ssl", ""),
    ("sasl_ssl", "PLAIN"),
    ("sasl_ssl", "SCRAM-SHA-512"),
    ("sasl_plaintext", "PLAIN"),
    ("sasl_plaintext", "SCRAM-SHA-512"),
]


@pytest.mark.parametrize("reader", ["fast", "client"])
@pytest.mark.parametrize(("listener", "mechanism"), CONNECTIONS)
@pytest.mark.usefixtures("everything_allowed")
def test_the_log_is_read_whoever_connects_in_whichever_way(
    kafka: SecuredKafka, listener: str, mechanism: str, reader: str
) -> None:
    settings = by_reader(kafka.settings(listener, mechanism), reader)
    assert values(settings) == list(range(RECORDS))
    assert ends(settings, TOPIC) == {0: RECORDS}
    assert committed_offsets(settings, TOPIC, GROUP) == {}


@pytest.mark.parametrize("reader", ["fast", "client"])
@pytest.mark.usefixtures("everything_allowed")
def test_the_log_is_read_with_tokens(kafka: SecuredKafka, tokens: Tokens, reader: str) -> None:
    settings = by_reader(oauth(kafka, tokens), reader)
    assert values(settings) == list(range(RECORDS))
    assert ends(settings, TOPIC) == {0: RECORDS}


READINGS: dict[str, Callable[[KafkaSettings], object]] = {
    "fast": lambda settings: values(by_reader(settings, "fast")),
    "client": lambda settings: values(by_reader(settings, "client")),
    "admin": lambda settings: partitions(settings, TOPIC),
    "group": lambda settings: delete_group(settings, GROUP),
}

INVALID = "Authentication failed: Invalid username or password"
INVALID_SCRAM = (
    "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"
)
WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "the password": (
        "sasl_ssl",
        "PLAIN",
        {"kafka_password": SecretStr("wrong")},
        rf"refuses User:sma_batch: .*{INVALID}",
    ),
    "the password of SCRAM": (
        "sasl_plaintext",
        "SCRAM-SHA-512",
        {"kafka_password": SecretStr("wrong")},
        rf"refuses User:sma_batch: .*{INVALID_SCRAM}",
    ),
    "the user": ("sasl_ssl", "SCRAM-SHA-512", {"kafka_username": "me"}, rf"refuses User:me: .*{INVALID_SCRAM}"),
    "the mechanism": (
        "sasl_ssl",
        "SCRAM-SHA-256",
        {},
        "does not offer SMA_KAFKA_SASL_MECHANISM=SCRAM-SHA-256: it offers OAUTHBEARER, PLAIN, SCRAM-SHA-512",
    ),
    "the authority": (
        "sasl_ssl",
        "PLAIN",
        {"kafka_ca_file": "other-ca.pem"},
        r"is not trusted \(certificate verify failed: unable to get local issuer certificate; SMA_KAFKA_CA_FILE is ",
    ),
    "the client's certificate": (
        "ssl",
        "",
        {"kafka_cert_file": "stranger.pem", "kafka_key_file": "stranger.key"},
        r"refuses a TLS connection \(.*alert.*; SMA_KAFKA_CERT_FILE is .*stranger.pem\)",
    ),
    "no certificate": (
        "ssl",
        "",
        {"kafka_cert_file": None, "kafka_key_file": None},
        r"refuses a TLS connection \(.*alert.*; SMA_KAFKA_CERT_FILE is not set\)",
    ),
    "no TLS": ("plain", "", {"port": "ssl"}, "speaks TLS on this port: SMA_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
    "no login": (
        "plain",
        "",
        {"port": "sasl_plaintext"},
        r"does not answer at .*does this port want TLS or a login\? SMA_KAFKA_SECURITY_PROTOCOL is PLAINTEXT",
    ),
    "a login": ("sasl_plaintext", "PLAIN", {"port": "plain"}, "takes no logins on this port"),
    "TLS": ("ssl", "", {"port": "plain"}, "does not answer at .*closed: does this port want a login"),
    "the host": ("ssl", "", {"host": "localhost"}, "is not trusted .*Hostname mismatch, .*'localhost'"),
}


WAITED_FOR = ("no login", "TLS")  # which looks like a server that does not answer yet
CASES = [
    pytest.param(
        wrong,
        reading,
        marks=[pytest.mark.nightly("connections that look slow")] if wrong in WAITED_FOR and reading != "fast" else [],
        id=f"{wrong}-{reading}",
    )
    for wrong in WRONG
    for reading in READINGS
]


@pytest.mark.parametrize(("wrong", "reading"), CASES)
def test_what_is_wrong_with_a_connection_is_one_line(kafka: SecuredKafka, wrong: str, reading: str) -> None:
    listener, mechanism, others, said = WRONG[wrong]
    others = {name: _in(kafka.folder, value) for name, value in others.items()}
    if "port" in others:
        others["kafka_bootstrap"] = kafka.bootstrap(others.pop("port"))
    if host := others.pop("host", None):
        others["kafka_bootstrap"] = f"{host}:{kafka.ports[1, listener]}"
    began = time.monotonic()
    with pytest.raises(SmaError, match=said) as raised:
        READINGS[reading](kafka.settings(listener, mechanism, **others))
    assert "\n" not in str(raised.value)
    assert "wrong" not in str(raised.value).replace("wrong version", "")
    if isinstance(raised.value, Denied):  # which trying again does not help
        assert time.monotonic() - began < 10


def _in(folder: Path, value: Any) -> Any:
    return folder / value if isinstance(value, str) and value.endswith((".pem", ".key")) else value


@pytest.mark.parametrize("reading", READINGS)
def test_a_token_that_has_expired_is_one_line(kafka: SecuredKafka, tokens: Tokens, reading: str) -> None:
    tokens.age_s = 1_000
    with pytest.raises(Denied, match="refuses User:sma_batch: the login failed .its token has expired"):
        READINGS[reading](oauth(kafka, tokens))


def publish(settings: KafkaSettings) -> None:
    publisher = Publisher(settings)
    publisher.send([Records([b"k"], [b"v"], [0])])
    publisher.finish()


REQUESTS: dict[str, tuple[Callable[[KafkaSettings], object], tuple[str, str, str], str]] = {
    "partitions": (READINGS["admin"], ("describe", "topic", TOPIC), "Describe on Topic:events"),
    "fast": (READINGS["fast"], ("read", "topic", TOPIC), "Read on Topic:events"),
    "client": (READINGS["client"], ("read", "topic", TOPIC), "Read on Topic:events"),
    "config": (
        lambda settings: topic_config(settings, TOPIC),
        ("describe_configs", "topic", TOPIC),
        "DescribeConfigs on Topic:events",
    ),
    "committed": (
        lambda settings: committed_offsets(settings, TOPIC, GROUP),
        ("describe", "group", GROUP),
        "Describe on Group:streaming",
    ),
    "delete": (READINGS["group"], ("delete", "group", GROUP), "Delete on Group:streaming"),
    "publish": (
        publish,
        ("write", "topic", TOPIC),
        "Write on Topic:events (or IdempotentWrite on Cluster)",
    ),
}
IMPLIED = {"describe": ("read", "write", "delete", "describe_configs")}  # by which Kafka allows it as well


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_rule_that_is_missing_is_one_line_that_names_it(kafka: SecuredKafka, request_: str) -> None:
    ask, (operation, kind, name), said = REQUESTS[request_]
    gone = {operation, *IMPLIED.get(operation, ())}
    left = [rule for rule in EVERYTHING if not (rule[0] in gone and rule[1:] == (kind, name))]
    with kafka.allowed(*left), pytest.raises(Denied) as raised:
        ask(kafka.settings("sasl_ssl", "PLAIN"))
    assert str(raised.value) == (f"Kafka at {kafka.bootstrap('sasl_ssl')} refuses User:{USER}: {said} is not allowed")


@pytest.mark.usefixtures("everything_allowed")
def test_a_session_that_ends_while_the_log_is_read_is_renewed_on_its_connection(
    kafka: SecuredKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = list[str]()
    log_in = session.log_in

    def note(settings: KafkaSettings, host: str, ask: Callable[[Any, Any], Any]) -> float:
        hosts.append(host)
        return log_in(settings, host, ask)

    monkeypatch.setattr(session, "log_in", note)
    settings = by_reader(kafka.settings("sasl_plaintext", "PLAIN"), "fast")
    broker = BROKERS.borrow(
        settings, (kafka.bootstrap("sasl_plaintext").split(":")[0], kafka.ports[2, "sasl_plaintext"]), 5
    )
    ends_at = time.monotonic() + 2.5 * SESSION_S
    while time.monotonic() < ends_at:  # a connection that did not log in again would be closed
        assert broker.leader(TOPIC, 0).address[1] == kafka.ports[2, "sasl_plaintext"]
        time.sleep(0.3)
    BROKERS.give_back(broker)
    assert 3 <= len(hosts) <= 5


@pytest.mark.usefixtures("everything_allowed")
def test_a_token_that_expires_while_the_log_is_read_is_renewed(kafka: SecuredKafka, tokens: Tokens) -> None:
    tokens.life_s = 5.0
    fetches = RECORDS * 110 / SMALL.fetch_bytes
    assert values(by_reader(oauth(kafka, tokens), "fast"), pause_s=12 / fetches) == list(range(RECORDS))
    assert tokens.given >= 3
