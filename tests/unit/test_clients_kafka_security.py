"""One connection to Kafka, rendered three ways: the same trust, the same certificate, the same login."""

import pytest
import trustme
from confluent_kafka import Producer
from pydantic import SecretStr

from clients.kafka.java import java_properties
from clients.kafka.librdkafka import librdkafka_options
from clients.kafka.login import sasl_mechanism, tls_context
from clients.kafka.security import principal
from sma.errors import SmaError
from sma.settings import KafkaSettings

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
LOGIN = {"kafka_username": "me", "kafka_password": SecretStr('p"w\\')}


def settings(protocol, mechanism="", **others):
    return KafkaSettings(kafka_security_protocol=protocol, kafka_sasl_mechanism=mechanism, **others)


def test_a_certificate_that_is_replaced_is_read_again(tmp_path):
    path = tmp_path / "ca.pem"
    subjects = []
    for name in ("old", "renewed"):
        trustme.CA(organization_name=name).cert_pem.write_to_path(path)
        (trusted,) = tls_context(settings("SSL", kafka_ca_file=path)).get_ca_certs()
        subjects.append(dict(pair for (pair,) in trusted["subject"])["organizationName"])
    assert subjects == ["old", "renewed"]
    assert tls_context(settings("SSL", kafka_ca_file=path)) is tls_context(settings("SSL", kafka_ca_file=path))


def test_without_tls_and_login_only_the_servers_are_named():
    plain = KafkaSettings()
    assert librdkafka_options(plain) == java_properties(plain) == {"bootstrap.servers": plain.kafka_bootstrap}
    assert (tls_context(plain), sasl_mechanism(plain, "host")) == (None, None)
    assert principal(plain) == "User:ANONYMOUS"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_logs_in_with_every_client(mechanism):
    connection = settings("SASL_SSL", mechanism, **LOGIN)
    Producer({**librdkafka_options(connection), "log_level": 0})  # which refuses what it does not know
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    assert java_properties(connection)["sasl.jaas.config"] == (
        f'org.apache.kafka.common.security.{module} required username="me" password="p\\"w\\\\";'
    )
    assert sasl_mechanism(connection, "host").auth_bytes()
    assert tls_context(connection).check_hostname
    assert principal(connection) == "User:me"
    other = connection.model_copy(update={"kafka_oauth_client_id": "of another part"})
    assert principal(other) == "User:me"


def test_certificates_are_handed_on_as_text_so_that_flink_needs_no_file(tmp_path):
    files = {name: tmp_path / name for name in ("ca", "cert", "key")}
    for name, path in files.items():
        path.write_text(KEY if name == "key" else PEM)
    connection = settings("SSL", **{f"kafka_{name}_file": path for name, path in files.items()})
    properties, options = java_properties(connection), librdkafka_options(connection)
    assert (properties["ssl.truststore.certificates"], options["ssl.ca.pem"]) == (PEM, PEM)
    assert (properties["ssl.keystore.certificate.chain"], options["ssl.certificate.pem"]) == (PEM, PEM)
    assert (properties["ssl.keystore.key"], options["ssl.key.pem"]) == (KEY, KEY)
    assert str(tmp_path) not in f"{properties}{options}"


def test_a_key_that_java_cannot_read_is_named_with_the_way_out(tmp_path):
    for name in ("cert", "key"):
        (tmp_path / name).write_text(PEM.replace("CERTIFICATE", "EC PRIVATE KEY"))
    connection = settings("SSL", kafka_cert_file=tmp_path / "cert", kafka_key_file=tmp_path / "key")
    with pytest.raises(SmaError, match=r"^SMA_KAFKA_KEY_FILE: .* not in PKCS#8.*openssl pkcs8"):
        java_properties(connection)


def test_the_options_of_every_client_reach_librdkafka_and_java():
    connection = KafkaSettings(kafka_rack="eu-1a", kafka_client={"socket.timeout.ms": "5000"})
    expected = {
        "bootstrap.servers": connection.kafka_bootstrap,
        "client.rack": "eu-1a",
        "socket.timeout.ms": "5000",
    }
    assert librdkafka_options(connection) == java_properties(connection) == expected


@pytest.mark.parametrize(
    ("connection", "line"),
    [
        (settings("SASL_SSL"), "SMA_KAFKA_SECURITY_PROTOCOL is SASL_SSL, which needs SMA_KAFKA_SASL_MECHANISM"),
        (
            settings("SSL", "PLAIN", **LOGIN),
            "SMA_KAFKA_SASL_MECHANISM is PLAIN, and SMA_KAFKA_SECURITY_PROTOCOL is SSL",
        ),
        (settings("SASL_SSL", "PLAIN", kafka_username="me"), "which needs SMA_KAFKA_PASSWORD"),
        (settings("SASL_SSL", "OAUTHBEARER"), "which needs SMA_KAFKA_OAUTH_TOKEN_URL"),
        (settings("SASL_SSL", "AWS_MSK_IAM"), "which needs SMA_KAFKA_AWS_REGION"),
        (settings("SSL", kafka_cert_file="/c.pem"), "only SMA_KAFKA_CERT_FILE is set"),
        (settings("SSL", kafka_ca_file="/not/there"), "SMA_KAFKA_CA_FILE: /not/there: No such file or directory"),
    ],
)
def test_what_is_missing_is_said_before_a_client_waits_for_it(connection, line):
    for render in (librdkafka_options, java_properties, tls_context):
        with pytest.raises(SmaError) as error:
            render(connection)
        assert line in str(error.value)
