"""The local Kafka as it is chosen: brokers, TLS, logins; kept in sma.env, and refused on data of another choice."""

import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from cryptography.x509.oid import NameOID

from deploy.local.environment import Environment, plan_environment
from deploy.local.kafka_layout import (
    BROKER_STORE,
    MECHANISMS,
    certificate_files,
    kafka_listeners,
    principal_of,
    tls_folder,
)
from deploy.local.kafka_plan import chosen_kafka
from deploy.local.services.certificates import make_certificates
from deploy.local.services.kafka_config import bootstrap_settings, render_broker
from deploy.local.services.kafka_java import kafka_commands
from deploy.local.services.programs import config_files, listeners, program_options
from deploy.local.services.token_server import server_of
from sma.errors import SmaError
from sma.settings import Settings
from sma.settings.kafka_parts import KAFKA_PARTS

SECURED = {"SMA_KAFKA_BROKERS": "3", "SMA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "SMA_PORT_BASE": "21000"}
BY_CERTIFICATE = SECURED | {"SMA_KAFKA_SECURITY_PROTOCOL": "SSL"}


def properties(environment: Environment, program: str = "kafka") -> dict[str, str]:
    lines = render_broker(environment, program).splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_one_broker_without_tls_adds_nothing_to_sma_env_and_is_one_process(tmp_path):
    planned = plan_environment(tmp_path, {}, None)
    assert [name for name in planned.values if "KAFKA" in name and not name.endswith("_PORT")] == [
        "SMA_KAFKA_BOOTSTRAP"
    ]
    assert planned.programs("kafka") == ("kafka",)
    assert listeners(planned, "kafka") == ("kafka", "kafka_controller")
    files = config_files(Settings(state_dir=tmp_path), planned)["kafka"]
    assert {path.name for path in files} == {"server.properties", "log4j2.properties", "log4j-event.json"}
    assert not [name for name in properties(planned) if name.startswith(("ssl.", "sasl.", "listener.name."))]


def test_three_brokers_are_three_addresses_processes_and_votes(tmp_path):
    planned = plan_environment(tmp_path, {"SMA_KAFKA_BROKERS": "3", "SMA_PORT_BASE": "21000"}, None)
    assert planned.values["SMA_KAFKA_BOOTSTRAP"] == "127.0.0.1:21000,127.0.0.1:21013,127.0.0.1:21014"
    assert planned.programs("kafka") == ("kafka", "kafka-2", "kafka-3")
    third = properties(planned, "kafka-3")
    assert third["node.id"] == "3"
    assert third["controller.quorum.voters"] == "1@127.0.0.1:21001,2@127.0.0.1:21015,3@127.0.0.1:21016"
    assert third["default.replication.factor"] == third["transaction.state.log.replication.factor"] == "3"
    assert third["min.insync.replicas"] == third["transaction.state.log.min.isr"] == "2"
    assert third["log.dirs"] == f"{tmp_path}/kafka/data-3"


@pytest.mark.parametrize("chosen", [SECURED, BY_CERTIFICATE])
def test_what_was_chosen_is_kept_with_its_passwords(tmp_path, chosen):
    first = plan_environment(tmp_path, chosen, None)
    assert plan_environment(tmp_path, {}, first) == first


@pytest.mark.parametrize(
    ("before", "then"),
    [({}, SECURED), (SECURED, BY_CERTIFICATE), (SECURED, {"SMA_KAFKA_BROKERS": "1"})],
)
def test_another_choice_on_data_that_are_there_is_refused_with_the_way_out(tmp_path, before, then):
    first = plan_environment(tmp_path, before, None)
    with pytest.raises(SmaError, match="its data cannot become those of .*: `sma up --fresh` with that choice"):
        plan_environment(tmp_path, then, first)
    assert plan_environment(tmp_path, then, None).values["SMA_KAFKA_BOOTSTRAP"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SMA_KAFKA_BROKERS": "2"}, "SMA_KAFKA_BROKERS: the local stack runs 1 or 3 brokers, not '2'"),
        ({"SMA_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "SMA_KAFKA_SECURITY_PROTOCOL: the local Kafka speaks"),
        (SECURED | {"SMA_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"}, "SMA_KAFKA_SASL_MECHANISM: the local Kafka takes"),
        (SECURED | {"SMA_KAFKA_TOKEN_LIFE": "soon"}, "SMA_KAFKA_TOKEN_LIFE: 'soon' is not a duration"),
    ],
)
def test_what_cannot_be_run_is_named_with_its_variable(tmp_path, variables, message):
    with pytest.raises(SmaError, match=message):
        plan_environment(tmp_path, variables, None)


def test_a_command_and_the_environment_that_disagree_are_refused():
    assert chosen_kafka(3, "sasl_ssl", {}) == {
        "SMA_KAFKA_BROKERS": "3",
        "SMA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    }
    with pytest.raises(SmaError, match="SMA_KAFKA_SECURITY_PROTOCOL is SSL in the environment, .* asks for SASL_SSL"):
        chosen_kafka(None, "sasl_ssl", {"SMA_KAFKA_SECURITY_PROTOCOL": "SSL"})


@pytest.mark.parametrize("chosen", [SECURED, BY_CERTIFICATE])
def test_with_tls_every_listener_has_it(tmp_path, chosen):
    for program in ("kafka", "kafka-2", "kafka-3"):
        rendered = properties(plan_environment(tmp_path, chosen, None), program)
        names = {each.split("://")[0] for each in rendered["listeners"].split(",")}
        protocols = dict(each.split(":") for each in rendered["listener.security.protocol.map"].split(","))
        assert names == set(protocols)
        assert set(protocols.values()) <= {"SSL", "SASL_SSL"}
        assert protocols["INTERNAL"] == protocols["CONTROLLER"] == "SSL"
        for name in (name for name, protocol in protocols.items() if protocol == "SSL"):
            assert rendered[f"listener.name.{name.lower()}.ssl.client.auth"] == "required"
        assert rendered["allow.everyone.if.no.acl.found"] == "false"
        assert rendered["super.users"] == "User:sma_broker;User:sma_bootstrap"


def test_another_mechanism_can_be_used_at_any_time(tmp_path):
    first = plan_environment(tmp_path, SECURED, None)
    assert properties(first)["listener.name.broker.sasl.enabled.mechanisms"] == ",".join(MECHANISMS)
    assert first.values["SMA_KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    changed = plan_environment(tmp_path, {"SMA_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}, first)
    assert {**first.values, "SMA_KAFKA_SASL_MECHANISM": "OAUTHBEARER"} == changed.values


def test_each_part_has_a_password_of_its_own_and_no_process_but_kafkas_is_given_one(tmp_path):
    planned = plan_environment(tmp_path, SECURED, None)
    passwords = {planned.values[f"SMA_KAFKA_{part.upper()}_PASSWORD"] for part in KAFKA_PARTS}
    assert len(passwords) == len(KAFKA_PARTS)
    settings = Settings(state_dir=tmp_path)
    options = program_options(settings, planned, config_files(settings, planned), {})
    started = "".join(text for each in options for text in each.values())
    assert not [password for password in passwords if password in started]
    assert {each["name"] for each in options} > {"kafka", "kafka-2", "kafka-3", "kafka-tokens"}


def test_every_broker_and_the_oauth_server_have_ports_of_the_block(tmp_path):
    planned = plan_environment(tmp_path, SECURED, None)
    assert len(kafka_listeners(planned.values)) == len(set(kafka_listeners(planned.values))) == 10
    command = " ".join(kafka_commands(planned)["kafka-2"])
    assert "allowed.urls=https://127.0.0.1:21020/jwks" in command


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Environment:
    """A stack's certificates."""
    environment = plan_environment(tmp_path_factory.mktemp("state"), SECURED, None)
    make_certificates(environment)
    return environment


def test_nobody_else_may_read_a_certificate_or_key(made):
    folder = tls_folder(made.state_dir)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_each_part_has_a_certificate_under_its_principal_and_a_key_that_java_reads(made):
    for part in KAFKA_PARTS:
        certificate, key = certificate_files(made.state_dir, principal_of(part))
        (own, *_) = load_pem_x509_certificates(certificate.read_bytes())
        assert [each.value for each in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [f"sma_{part}"]
        assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    store = (tls_folder(made.state_dir) / BROKER_STORE).read_text()
    assert store.index("BEGIN PRIVATE KEY") < store.index("BEGIN CERTIFICATE")


def test_certificates_that_are_there_are_kept(made):
    before = {path: path.read_bytes() for path in tls_folder(made.state_dir).iterdir()}
    make_certificates(made)
    assert {path: path.read_bytes() for path in tls_folder(made.state_dir).iterdir()} == before


def test_a_token_names_its_client_and_ends_after_its_life(made):
    token = server_of(made).token("sma_batch", now_s=1_000.0)
    _, key = certificate_files(made.state_dir, "tokens-signer")
    public = load_pem_private_key(key.read_bytes(), None).public_key()
    claims = jwt.decode(token, public, ["RS256"], audience="kafka", options={"verify_exp": False, "verify_iat": False})
    assert (claims["sub"], claims["iat"], claims["exp"]) == ("sma_batch", 1_000, 1_060)
    assert claims["iss"] == "https://127.0.0.1:21020"


def test_acls_are_made_by_a_certificate_that_no_part_has(made):
    settings = bootstrap_settings(Settings(state_dir=made.state_dir), made)
    assert settings.kafka_bootstrap == "127.0.0.1:21017,127.0.0.1:21018,127.0.0.1:21019"
    assert (settings.kafka_security_protocol, settings.kafka_sasl_mechanism) == ("SSL", "")
    assert settings.kafka_as("admin").kafka_cert_file == Path(made.state_dir, "kafka", "tls", "sma_bootstrap.pem")
