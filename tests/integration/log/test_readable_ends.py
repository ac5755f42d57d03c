"""Where the readable records of a real Kafka's log end: behind every kind of producer, and after compaction."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka.protocol.admin import DescribeProducersRequest, DescribeProducersResponse

from clients.kafka import leaders
from clients.kafka.connection import reading
from clients.kafka.leaders import Leaders
from clients.kafka.offsets import ends
from clients.kafka.open_transactions import open_transactions
from clients.kafka.readable import ReadableEnds
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.metrics import eventually
from tests.support.places import Place
from tests.support.publishing import Sent, publish
from tests.support.superuser import as_superuser, client_options
from tests.support.transactions import aborted, await_markers, committed, open_transaction, transactional

DEADLINE_S = 120


def events(count: int, partition: int = 0) -> list[Sent]:
    """Events of one series."""
    fields = {"customer": "c", "metric": "m", "value": 1}
    return [
        Sent(json.dumps(fields | {"event_time": second}).encode(), second, partition=partition)
        for second in range(count)
    ]


def last_consumed(settings: Settings, topic: str, position: int) -> int:
    """The Kafka offset after the last record that Kafka's own consumer is given from a position on."""
    others = {"isolation.level": "read_committed", "enable.partition.eof": True, "auto.offset.reset": "error"}
    end = position
    with reading(as_superuser(settings), "none", topic, {0: position}, **others) as consumer:
        while True:
            record = consumer.poll(DEADLINE_S)
            assert record is not None
            if (error := record.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                return end
            offset = record.offset()
            assert offset is not None
            end = offset + 1


def producer_described_at(settings: Settings, topic: str, partition: int, start_offset: int) -> int:
    """The producer id that Kafka itself describes for a transaction (DescribeProducers, from 2.8 on)."""
    asked = DescribeProducersRequest.TopicRequest(name=topic, partition_indexes=[partition])
    leader = Leaders(as_superuser(settings), topic)
    raw = leader.ask(partition, lambda wire: wire.ask_bytes(DescribeProducersRequest[0](topics=[asked])))
    answer: Any = DescribeProducersResponse.decode(raw[1:].tobytes(), version=0)  # after the header's empty tags
    (described,) = answer.topics[0].partitions
    starts = {each.current_txn_start_offset: int(each.producer_id) for each in described.active_producers}
    return starts[start_offset]


@pytest.fixture
def topic(place: Place) -> str:
    """The topic of the place's events."""
    return place.settings.events_topic


@pytest.fixture
def readable(place: Place, topic: str) -> Callable[..., int]:
    """The readable end of partition 0 after a position, which must be what Kafka's own consumer finds."""

    def after(position: int = 0, before: dict[int, int] | None = None) -> int:
        found = ReadableEnds(place.settings, topic).after({0: position}, before)[0]
        assert before is not None or found == last_consumed(place.settings, topic, position)
        return found

    return after


def test_an_empty_partition_ends_at_its_position(readable: Callable[..., int]) -> None:
    assert readable() == 0


def test_without_transactions_the_readable_end_is_the_log_s_end(place: Place, readable: Callable[..., int]) -> None:
    publish(place.settings, events(7), "lz4")
    assert [readable(position) for position in (0, 3, 7)] == [7, 7, 7]
    assert readable(0, before={0: 5}) == 5


def test_a_marker_is_nothing_to_read(place: Place, topic: str, readable: Callable[..., int]) -> None:
    one = transactional(place.settings, "one")
    committed(one, place.settings, topic, events(3))
    assert ends(place.settings, topic)[0] == 4
    assert [readable(position) for position in (0, 3, 4)] == [3, 3, 4]
    committed(one, place.settings, topic, events(2))
    assert [readable(position) for position in (0, 3, 4, 6)] == [6, 6, 6, 6]
    assert readable(3, before={0: 4}) == 3


@pytest.mark.parametrize("count", [1, 300, 30_000])
def test_an_aborted_transaction_is_nothing_to_read_however_large(
    place: Place, topic: str, readable: Callable[..., int], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(leaders, "_FETCH_BYTES", 50_000)  # many fetches
    publish(place.settings, events(5))
    aborted(transactional(place.settings, "one"), place.settings, topic, events(count))
    assert ends(place.settings, topic)[0] == 5 + count + 1
    assert [readable(position) for position in (0, 5, 6)] == [5, 5, 6]


def test_aborted_and_committed_transactions_of_two_producers_are_told_apart(
    place: Place, topic: str, readable: Callable[..., int]
) -> None:
    one, two = transactional(place.settings, "one"), transactional(place.settings, "two")
    open_transaction(one, topic, events(2))
    (*_, last) = open_transaction(two, topic, events(2))
    one.abort_transaction(30)
    two.commit_transaction(30)
    await_markers(place.settings, topic)
    aborted(one, place.settings, topic, events(9))
    assert readable() == last[1] + 1


def test_nothing_is_readable_after_an_open_transaction(place: Place, topic: str, readable: Callable[..., int]) -> None:
    publish(place.settings, events(5))
    one = transactional(place.settings, "one")
    open_transaction(one, topic, events(2))
    publish(place.settings, events(4))
    assert [readable(position) for position in (0, 5)] == [5, 5]
    one.commit_transaction(30)
    await_markers(place.settings, topic)
    assert readable(5) == 5 + 2 + 4


def test_an_end_that_has_not_moved_is_not_searched_for_again(
    place: Place, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborted(transactional(place.settings, "one"), place.settings, topic, events(9))
    fetched: list[int] = []
    fetch = Leaders.fetch

    def counted(self: Leaders, partition: int, offset: int, *, read_committed: bool) -> leaders.Fetched:
        fetched.append(offset)
        return fetch(self, partition, offset, read_committed=read_committed)

    monkeypatch.setattr(Leaders, "fetch", counted)
    found = ReadableEnds(place.settings, topic)
    assert found.after({0: 0})[0] == 0
    searched = len(fetched)
    assert searched > 0
    assert found.after({0: 0})[0] == 0
    assert found.after({0: 4})[0] == 4
    assert len(fetched) == searched
    publish(place.settings, events(1))
    assert found.after({0: 0})[0] == 11
    assert len(fetched) == searched + 1


def test_what_kafka_has_deleted_is_nothing_to_read(place: Place, topic: str, readable: Callable[..., int]) -> None:
    one = transactional(place.settings, "one")
    committed(one, place.settings, topic, events(5))
    aborted(one, place.settings, topic, events(40))
    admin = AdminClient(client_options(place.settings))
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 20)]).values()
    deleted.result()
    assert ReadableEnds(place.settings, topic).after({0: 0})[0] == 0
    assert readable(30) == 30


def test_the_last_record_that_compaction_leaves_in_a_batch_is_the_end(place: Place) -> None:
    settings, topic = as_superuser(place.settings), f"{place.settings.topic_prefix}compacted"
    admin = AdminClient(client_options(settings))
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": str(2**20),
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
        "max.compaction.lag.ms": "1000",
    }
    (created,) = admin.create_topics([NewTopic(topic, 1, 1, config=config)]).values()
    created.result()
    # one batch whose last keys are sent again much later, in a transaction that is aborted or in other batches
    plain = Producer({**client_options(settings), "linger.ms": 300, "compression.type": "snappy"})
    for number in range(100):
        plain.produce(topic, b"first", b"kept" if number < 50 else b"sent again", 0)
    assert plain.flush(30) == 0
    plain.produce(topic, b"last", b"sent again", 0)
    assert plain.flush(30) == 0
    one = transactional(settings, "one")
    filler = [Sent(b"x" * 1_000, 0, key="filler", partition=0)] * 1_500
    for _ in range(3):
        aborted(one, settings, topic, filler)
    before = {0: 100}
    for attempt in eventually():
        with attempt:
            assert ReadableEnds(settings, topic).after({0: 0}, before)[0] == 50
    assert ReadableEnds(settings, topic).after({0: 50}, before)[0] == 50
    assert ReadableEnds(settings, topic).after({0: 0})[0] == last_consumed(settings, topic, 0) == 101


def test_the_oldest_open_transaction_of_a_partition_is_named(place: Place, topic: str) -> None:
    publish(place.settings, [*events(3, partition=2), *events(1, partition=1)])
    one, two = transactional(place.settings, "one"), transactional(place.settings, "two")
    began_s = time.time()
    open_transaction(one, topic, events(2, partition=2))
    open_transaction(two, topic, events(2, partition=2))
    (found,) = open_transactions(place.settings, topic)
    assert (found.topic, found.partition, found.start_offset) == (topic, 2, 3)
    assert found.age_s is not None
    assert 0 <= found.age_s <= time.time() - began_s + 1
    assert found.producer_id == producer_described_at(place.settings, topic, 2, 3)
    assert f"waits for an open transaction of producer id {found.producer_id}, open for " in str(found)
    one.abort_transaction(30)
    for attempt in eventually():
        with attempt:
            (next_one,) = open_transactions(place.settings, topic)
            assert (next_one.start_offset, next_one.producer_id != found.producer_id) == (5, True)
    assert open_transactions(place.settings, topic, {2: 5}) == []
    two.abort_transaction(30)
    await_markers(place.settings, topic)
    assert open_transactions(place.settings, topic) == []


def test_a_producer_s_own_timestamps_tell_no_age(place: Place) -> None:
    settings, topic = as_superuser(place.settings), f"{place.settings.topic_prefix}create_time"
    admin = AdminClient(client_options(settings))
    (created,) = admin.create_topics([NewTopic(topic, 1, 1, config={"message.timestamp.type": "CreateTime"})]).values()
    created.result()
    one = transactional(settings, "one")
    open_transaction(one, topic, events(1))
    (found,) = open_transactions(settings, topic)
    assert found.age_s is None
    assert str(found).endswith(f"partition 0 waits for an open transaction of producer id {found.producer_id}")
    one.abort_transaction(30)


@pytest.mark.parametrize("ask", [open_transactions, lambda settings, topic: ReadableEnds(settings, topic).after({})])
def test_a_kafka_that_does_not_answer_is_one_line(place: Place, ask: Callable[[Settings, str], object]) -> None:
    nowhere = place.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    with pytest.raises(SmaError, match=r"127\.0\.0\.1:1"):
        partial(ask, nowhere, place.settings.events_topic)()
