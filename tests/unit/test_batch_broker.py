"""One connection to a broker: what its answers say, as kafka-python writes them, and what is none."""

from collections.abc import Sequence
from struct import pack
from typing import Any

import pytest
from kafka.errors import (
    KafkaConnectionError,
    KafkaProtocolError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from kafka.protocol.consumer import FetchResponse
from kafka.protocol.metadata import MetadataResponse

from batch.log.broker import Broker, Fetched, Leader
from batch.log.unreadable import FastReaderUnavailable
from tests.support.fake_broker import HERE, broker_that_sends, framed, versions_answer

LEADER, ANOTHER = ("leader.example", 9092), ("another.example", 9093)


def fetch_answer(
    records: bytes | None, aborted: Sequence[tuple[int, int]] | None, error: int = 0, top: int = 0
) -> bytes:
    topic: Any = FetchResponse.FetchableTopicResponse
    partition = topic.PartitionData(
        partition_index=2,
        error_code=error,
        high_watermark=90,
        last_stable_offset=80,
        log_start_offset=1,
        aborted_transactions=None
        if aborted is None
        else [topic.PartitionData.AbortedTransaction(producer_id=p, first_offset=o) for p, o in aborted],
        preferred_read_replica=-1,
        records=records,
    )
    answer: Any = FetchResponse[11](error_code=top, responses=[topic(topic="events", partitions=[partition])])
    return framed(bytes(answer.encode(version=11)))


def fetch(broker: Broker) -> Fetched:
    return broker.fetch("events", 2, 0, 7, 1000, 1)


def metadata_answer(leader: int, *, partition_error: int = 0, topic_error: int = 0) -> bytes:
    broker, topic = MetadataResponse.MetadataResponseBroker, MetadataResponse.MetadataResponseTopic
    partition = topic.MetadataResponsePartition(
        error_code=partition_error,
        partition_index=2,
        leader_id=leader,
        leader_epoch=6,
        replica_nodes=[1],
        isr_nodes=[1],
        offline_replicas=[],
    )
    brokers = [
        broker(node_id=number, host=host, port=port, rack=None) for number, (host, port) in enumerate((ANOTHER, LEADER))
    ]
    answer: Any = MetadataResponse[8](
        brokers=brokers,
        cluster_id="c",
        controller_id=1,
        topics=[topic(error_code=topic_error, name="events", is_internal=False, partitions=[partition])],
    )
    return framed(bytes(answer.encode(version=8)))


@pytest.mark.parametrize(
    ("aborted", "in_order"), [(None, ()), ([], ()), ([(5, 30), (9, 10), (5, 20)], ((9, 10), (5, 20), (5, 30)))]
)
def test_a_fetch_brings_batches_and_aborted_transactions_by_offset(
    aborted: Sequence[tuple[int, int]] | None, in_order: tuple[tuple[int, int], ...]
) -> None:
    with broker_that_sends(Broker, fetch_answer(b"record batches", aborted)) as broker:
        fetched = fetch(broker)
    assert (bytes(fetched.records), fetched.aborted) == (b"record batches", in_order)


@pytest.mark.parametrize("nothing", [None, b""])
def test_a_fetch_may_bring_nothing(nothing: bytes | None) -> None:
    with broker_that_sends(Broker, fetch_answer(nothing, [])) as broker:
        assert len(fetch(broker).records) == 0


@pytest.mark.parametrize("where", ["error", "top"])
def test_a_refusal_is_that_error(where: str) -> None:
    refused = fetch_answer(None, None, **{where: OffsetOutOfRangeError.errno})
    with broker_that_sends(Broker, refused) as broker, pytest.raises(OffsetOutOfRangeError):
        fetch(broker)


@pytest.mark.parametrize("size", [0, 3, 8, 30, 60, 100])
def test_an_answer_that_ends_early_is_a_lost_connection(size: int) -> None:
    answer = fetch_answer(b"x" * 100, [(1, 2)])
    with (
        broker_that_sends(Broker, answer[:size]) as broker,
        pytest.raises(KafkaConnectionError, match=f"{HERE}.*was closed"),
    ):
        fetch(broker)


@pytest.mark.parametrize("size", [0, 5, 20, 40, 60])
def test_a_body_that_is_cut_off_is_an_error_of_the_protocol(size: int) -> None:
    body = fetch_answer(b"x" * 100, [(1, 2)])[8:]
    with (
        broker_that_sends(Broker, framed(body[:size])) as broker,
        pytest.raises(KafkaProtocolError, match="is cut off"),
    ):
        fetch(broker)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "a response of 1213486160 bytes"),
        (pack(">i", 3), "a response of 3 bytes"),
        (framed(b"", 7), "request 1 was answered as if it were 7"),
    ],
)
def test_what_is_no_answer_is_an_error_of_the_protocol(answer: bytes, why: str) -> None:
    with broker_that_sends(Broker, answer) as broker, pytest.raises(KafkaProtocolError, match=why):
        fetch(broker)


def test_the_leader_is_found_by_its_number() -> None:
    with broker_that_sends(Broker, metadata_answer(leader=1)) as broker:
        assert broker.leader("events", 2) == Leader(LEADER, 6, {0: ANOTHER, 1: LEADER})


@pytest.mark.parametrize(
    ("answer", "error", "partition"),
    [
        (metadata_answer(leader=-1), LeaderNotAvailableError, 2),
        (metadata_answer(leader=7), LeaderNotAvailableError, 2),
        (metadata_answer(leader=1, partition_error=5), LeaderNotAvailableError, 2),
        (metadata_answer(leader=1, topic_error=3), UnknownTopicOrPartitionError, 2),
        (metadata_answer(leader=1), UnknownTopicOrPartitionError, 3),
    ],
)
def test_a_leader_that_is_not_there_is_that_error(answer: bytes, error: type[Exception], partition: int) -> None:
    with broker_that_sends(Broker, answer) as broker, pytest.raises(error):
        broker.leader("events", partition)


def test_a_broker_that_offers_the_versions_asked_for_will_do() -> None:
    with broker_that_sends(Broker, versions_answer(metadata=(8, 8), fetch=(4, 17))) as broker:
        broker.require_versions()


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        ({"fetch": (0, 10)}, "in version 11 of FetchRequest, and Kafka at .* offers versions 0 to 10 of it"),
        ({"metadata": (9, 12)}, "in version 8 of MetadataRequest, and Kafka at .* offers versions 9 to 12 of it"),
        ({"fetch": None}, "in version 11 of FetchRequest, and Kafka at .* offers no such request"),
    ],
)
def test_a_broker_of_other_versions_is_none_for_this_reader(offered: Any, why: str) -> None:
    with (
        broker_that_sends(Broker, versions_answer(**offered)) as broker,
        pytest.raises(FastReaderUnavailable, match=why),
    ):
        broker.require_versions()
