"""Each way to connect to a Kafka with three brokers, TLS and ACLs, by all clients; and what is wrong in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from batch.log.reader import read_values
from clients.kafka.connection import ask, forget_admin
from clients.kafka.offsets import ends
from deploy.local.services.health import check_kafka
from produce.publish import Publisher
from produce.series import Records
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.places import Place
from tests.support.secured_stack import BY_CERTIFICATE, WAYS, Opener

RECORDS = [b'{"customer": "a", "metric": "m", "event_time": %d, "value": 1}' % number for number in range(500)]


@pytest.fixture(scope="module", params=WAYS)
def place(request: pytest.FixtureRequest, connected_place: Opener) -> Iterator[Place]:
    """A place whose parts connect in each of the ways."""
    with connected_place(request.param) as own:
        yield own


def published(settings: Settings) -> None:
    publisher = Publisher(settings)
    publisher.send([Records([b"a/m"] * len(RECORDS), RECORDS, [1] * len(RECORDS))])
    publisher.finish()


def values_of(settings: Settings) -> list[bytes | None]:
    return [
        value.value
        for partition, end in ends(settings.kafka_as("batch"), settings.events_topic).items()
        for values in read_values(settings, settings.events_topic, partition, 0, end)
        for value in values
    ]


def test_what_is_published_is_read_by_both_readers(place: Place) -> None:
    published(place.settings)
    for reader in ("fast", "client"):
        assert values_of(place.settings.model_copy(update={"kafka_reader": reader})) == RECORDS


def test_all_brokers_are_seen_by_whoever_watches(place: Place) -> None:
    health = check_kafka(place.settings)
    assert (health.reason, (health.version or "").split(", ")[1]) == (None, "3 brokers")


def test_every_topic_has_three_replicas(place: Place) -> None:
    listed = ask(place.settings.kafka_as("admin"), lambda admin: admin.list_topics(timeout=20)).topics
    replicas = {len(each.replicas) for topic in listed.values() for each in topic.partitions.values()}
    assert replicas == {3}


@pytest.fixture(scope="module")
def by_password(connected_place: Opener) -> Iterator[Place]:
    with connected_place("SCRAM-SHA-512") as own:
        yield own


def error_of(settings: Settings) -> str:
    forget_admin()
    with pytest.raises(SmaError) as caught:
        ends(settings, settings.events_topic)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_one_line_that_names_the_principal(by_password: Place) -> None:
    settings = by_password.settings.kafka_as("batch").model_copy(update={"kafka_password": SecretStr("wrong one")})
    line = error_of(settings)
    assert "User:sma_batch" in line
    assert "login failed" in line
    assert "wrong one" not in line


def test_a_server_that_another_ca_has_signed_is_not_trusted(by_password: Place, tmp_path: Path) -> None:
    other = tmp_path / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    line = error_of(by_password.settings.kafka_as("batch").model_copy(update={"kafka_ca_file": other}))
    assert "certificate verify failed" in line
    assert str(other) in line


def test_without_a_certificate_nobody_connects_where_it_is_wanted(
    connected_place: Opener,
) -> None:
    with connected_place(BY_CERTIFICATE) as own:
        nobody = {"kafka_cert_file": None, "kafka_key_file": None}
        line = error_of(own.settings.kafka_as("batch").model_copy(update=nobody))
    assert "SMA_KAFKA_CERT_FILE" in line


def test_a_part_without_a_login_is_told_which_setting_is_missing(by_password: Place) -> None:
    nobody = by_password.settings.model_copy(update={"kafka_principals": {}})
    assert "which needs SMA_KAFKA_USERNAME" in error_of(nobody)
