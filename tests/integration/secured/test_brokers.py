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


def test_the_logs_of_every_process_are_shown(place: Place) -> None:
    shown = place.sma("logs", "kafka", "--lines", "2")
    assert [line for line in shown.stdout.splitlines() if line.startswith("==>")][:3] == [
        "==> kafka <==",
        "==> kafka-2 <==",
        "==> kafka-3 <==",
    ]


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


def test_a_later_up_keeps_what_was_chosen_and_refuses_another_choice(place: Place) -> None:
    refused = place.sma("up", "--security", "plaintext")
    assert refused.returncode != 0
    assert "SMA_KAFKA_SECURITY_PROTOCOL" in refused.stderr or "--fresh" in refused.stderr
