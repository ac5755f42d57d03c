"""Two real brokers: the replica in the reader's rack is read, and reading goes on where the leader dies."""

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from batch.log.broker import BROKERS, Broker
from batch.log.limits import ReadLimits
from batch.log.reader import read_values
from sma.settings import KafkaSettings
from tests.support.secured_broker import SecuredKafka

TOPIC = "replicated"
RECORDS = 3_000
LIMITS = ReadLimits(fetch_bytes=20_000)


@pytest.fixture(scope="module")
def kafka(secured_kafka: SecuredKafka) -> Iterator[SecuredKafka]:
    """The brokers, with a topic whose leader is node 2, in rack b; node 1, in rack a, follows."""
    admin = secured_kafka.admin
    for future in admin.create_topics([NewTopic(TOPIC, 1, replica_assignment=[[2, 1]])]).values():
        future.result(30)
    options = {"bootstrap.servers": secured_kafka.bootstrap("plain"), "batch.size": 20_000, "acks": "all"}
    producer = Producer(options)
    for number in range(RECORDS):
        producer.produce(TOPIC, b"%0100d" % number, partition=0)
    assert producer.flush(30) == 0
    yield secured_kafka
    for future in admin.delete_topics([TOPIC]).values():
        future.result(30)


@pytest.fixture
def fetched_from(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How many fetches went to each port."""
    ports = Counter[int]()
    fetch = Broker.fetch

    def note(broker: Broker, *arguments: Any) -> Any:
        ports[broker.address[1]] += 1
        return fetch(broker, *arguments)

    monkeypatch.setattr(Broker, "fetch", note)
    return ports


def reading(settings: KafkaSettings) -> Iterator[list[int]]:
    for values in read_values(settings, TOPIC, 0, 0, RECORDS, LIMITS):
        yield [int(value.value or b"-1") for value in values]


def test_the_replica_in_the_reader_s_rack_is_read(kafka: SecuredKafka, fetched_from: Counter[int]) -> None:
    settings = kafka.settings(kafka_reader="fast", kafka_rack="a")
    assert [number for some in reading(settings) for number in some] == list(range(RECORDS))
    assert fetched_from[kafka.ports[2, "plain"]] == 1  # the leader, which names the replica
    assert fetched_from[kafka.ports[1, "plain"]] > 10


@pytest.mark.parametrize("rack", ["", "b", "of nobody"])
def test_without_a_replica_there_the_leader_is_read(kafka: SecuredKafka, fetched_from: Counter[int], rack: str) -> None:
    settings = kafka.settings(kafka_reader="fast", kafka_rack=rack)
    assert [number for some in reading(settings) for number in some] == list(range(RECORDS))
    assert set(fetched_from) == {kafka.ports[2, "plain"]}


@pytest.mark.nightly("a leader killed while it is read")
@pytest.mark.parametrize("rack", ["", "b"])
def test_a_leader_that_is_killed_while_the_log_is_read_loses_no_record(
    kafka: SecuredKafka, fetched_from: Counter[int], rack: str
) -> None:
    settings = kafka.settings(kafka_reader="fast", kafka_rack=rack)
    BROKERS.close()
    chunks = reading(settings)
    found = [number for _ in range(5) for number in next(chunks)]
    kafka.stop(2, signal.SIGKILL)
    try:
        found += [number for some in chunks for number in some]
    finally:
        kafka.start(2)
        kafka.await_brokers(2)
        kafka.elect_leaders()
    assert found == list(range(RECORDS))
    assert fetched_from[kafka.ports[1, "plain"]] > 10  # which leads now
