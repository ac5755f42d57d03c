"""A partition whose leader is killed again and again while it is read: no record is lost, and none comes twice."""

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka.admin import TopicDescription  # type: ignore[attr-defined]
from tenacity import Retrying, stop_after_delay, wait_fixed

from batch.log.limits import ReadLimits
from batch.log.reader import read_values
from clients.kafka.offsets import ends
from clients.kafka.topics import describe_topics
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.parts import BROKERS
from deploy.local.services.health import check_kafka
from tests.support.both_layers import YAML, as_record, expected_of, generate, heartbeats, interleave, late_of
from tests.support.places import Place
from tests.support.publishing import Sent, publish
from tests.support.secured_stack import Opener
from tests.support.stored import stored, succeed
from tests.support.stream_job import running_job
from tests.support.superuser import as_superuser

pytestmark = pytest.mark.nightly("leaders killed")

KILLED = 10
RECORDS, VALUE_BYTES = 60_000, 3_000  # more than a client reads ahead
AT_A_TIME = 5_000
IN_PIECES = ReadLimits(fetch_bytes=500_000, client_chunk_records=2_000)
AFTER_ALL_MS = 1_372_636_800_000
HEALED_S = 240


@pytest.fixture
def place(connected_place: Opener) -> Iterator[Place]:
    with connected_place("SCRAM-SHA-512") as own:
        yield own


def described(place: Place) -> TopicDescription:
    topic = place.settings.events_topic
    return describe_topics(as_superuser(place.settings), [topic])[topic]


def kill_leader(place: Place, partition: int) -> None:
    """Kill the broker that leads a partition, once all are there."""
    for attempt in Retrying(stop=stop_after_delay(HEALED_S), wait=wait_fixed(1), reraise=True):
        with attempt:
            assert check_kafka(place.settings).reason is None
            partitions = described(place).partitions
            assert all(len(each.isr) == len(BROKERS) for each in partitions)
            leader = partitions[partition].leader
            assert leader is not None
    program = BROKERS[leader.id - 1]
    os.kill(Supervisor(place.settings.state_dir).state(program)["pid"], signal.SIGKILL)


@pytest.mark.parametrize("reader", ["fast", "client"])
def test_a_reader_has_each_record_once(place: Place, reader: str) -> None:
    sent = [Sent(b"%d %s" % (number, bytes(VALUE_BYTES)), 0, partition=0) for number in range(RECORDS)]
    for start in range(0, RECORDS, AT_A_TIME):
        publish(place.settings, sent[start : start + AT_A_TIME])
    settings = place.settings.model_copy(update={"kafka_reader": reader})
    topic, end = settings.events_topic, ends(settings.kafka_as("batch"), settings.events_topic)[0]
    assert end == RECORDS
    read, killed = list[int](), 0
    for values in read_values(settings, topic, 0, 0, end, IN_PIECES):
        read += [int((each.value or b"").split()[0]) for each in values]
        if killed < KILLED and len(read) * (KILLED + 1) > (killed + 1) * RECORDS:
            kill_leader(place, 0)
            killed += 1
    assert killed == KILLED
    assert read == list(range(RECORDS))


def test_the_job_has_each_event_once_while_they_are_published(place: Place, averages_file: Path) -> None:
    events = interleave(generate(40))
    bounds = [number * len(events) // (KILLED + 1) for number in range(KILLED + 2)]
    positions = list[tuple[int, int]]()
    with running_job(place, averages_file, YAML):
        for number, (start, end) in enumerate(pairwise(bounds)):
            positions += publish(place.settings, [as_record(event) for event in events[start:end]])
            if number < KILLED:
                kill_leader(place, number % 4)
        publish(place.settings, heartbeats(AFTER_ALL_MS))
        succeed(place.sma("wait", "--timeout", "240"))
        late = late_of(events, positions)
        in_time = [event for position, event in zip(positions, events, strict=True) if position not in late]
        assert stored(place, "streaming_averages") == expected_of(in_time)
