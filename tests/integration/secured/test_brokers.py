"""Three brokers of one cluster: one that is killed comes back by itself, and nothing else fails meanwhile."""

import os
import signal
from collections.abc import Iterator

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from clients.kafka.offsets import ends
from deploy.local.lifecycle.status import PartStatus, status
from deploy.local.services.health import check_kafka
from produce.publish import Publisher
from tests.support.places import Place
from tests.support.secured_stack import Opener


@pytest.fixture(scope="module")
def place(connected_place: Opener) -> Iterator[Place]:
    with connected_place("SCRAM-SHA-512") as own:
        yield own


def kafka_of(place: Place) -> PartStatus:
    (kafka,) = (part for part in status(place.settings, environ=place.environ).parts if part.name == "kafka")
    return kafka


def publish(place: Place) -> None:
    publisher = Publisher(place.settings)
    publisher.send_heartbeats(1)
    publisher.finish()


def test_the_status_shows_kafka_once_with_all_its_processes(place: Place) -> None:
    kafka = kafka_of(place)
    assert (kafka.is_up, kafka.reason) == (True, None)
    assert set(kafka.pids) == {"kafka", "kafka-2", "kafka-3", "kafka-tokens"}
    assert (kafka.version or "").endswith(", 3 brokers")


def test_a_kafka_with_fewer_brokers_than_it_should_have_is_not_whole_and_not_down(place: Place) -> None:
    health = check_kafka(place.settings.model_copy(update={"kafka_brokers": 4}))
    assert (health.reason, health.is_up, health.is_down) == ("3 of 4 brokers are up", False, False)


def test_the_logs_of_every_process_are_shown(place: Place) -> None:
    shown = place.sma("logs", "kafka", "--lines", "2")
    assert [line for line in shown.stdout.splitlines() if line.startswith("==>")][:3] == [
        "==> kafka <==",
        "==> kafka-2 <==",
        "==> kafka-3 <==",
    ]


@pytest.mark.nightly("a broker killed")
def test_a_broker_that_is_killed_comes_back_and_no_record_is_refused_or_lost(place: Place) -> None:
    publish(place)
    killed = kafka_of(place).pids["kafka-2"]
    before = ends(place.settings.kafka_as("batch"), place.settings.events_topic)
    os.kill(killed, signal.SIGKILL)
    for _ in range(5):
        publish(place)
    for attempt in Retrying(stop=stop_after_delay(240), wait=wait_fixed(1), reraise=True):
        with attempt:
            assert check_kafka(place.settings).reason is None
            assert kafka_of(place).is_up
    assert kafka_of(place).pids["kafka-2"] not in (0, killed)
    after = ends(place.settings.kafka_as("batch"), place.settings.events_topic)
    assert {partition: end - before[partition] for partition, end in after.items()} == {0: 5, 1: 5, 2: 5, 3: 5}
    assert "kafka" in [part.name for part in status(place.settings, environ=place.environ).parts]


def test_another_choice_on_a_stack_with_data_is_refused(secured_stack: Place) -> None:
    refused = secured_stack.sma("up", "--security", "plaintext")
    assert refused.returncode != 0
    assert "has 3 brokers with sasl_ssl, and its data cannot become those of 3 brokers with plaintext" in refused.stderr
    assert kafka_of(secured_stack).is_up
