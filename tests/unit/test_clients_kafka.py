"""How Kafka is asked for groups and offsets, again where that helps, and what is said where it does not."""

import subprocess
import sys
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from kafka.errors import GroupIdNotFoundError, NonEmptyGroupError, NotCoordinatorError
from kafka.errors import KafkaError as ProtocolError
from kafka.protocol.admin import DeleteGroupsResponse
from kafka.protocol.consumer import OffsetFetchResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse

from clients.answers import Refused, Unanswered
from clients.kafka import groups
from clients.kafka.connection import failure, require_answer
from clients.kafka.denied import Denied
from clients.kafka.wire import Address, Wire, addresses
from deploy.local.services.health import check_kafka
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from tests.support.fake_broker import HERE, broker_at, broker_that_sends, framed

COORDINATOR = ("coordinator.example", 9092)


def coordinator_answer(at: Address = COORDINATOR, error: int = 0) -> bytes:
    answer: Any = FindCoordinatorResponse[2](error_code=error, error_message=None, node_id=1, host=at[0], port=at[1])
    return framed(bytes(answer.encode(version=2)))


def offsets_answer(*, error: int = 0, partition_error: int = 0) -> bytes:
    topic: Any = OffsetFetchResponse.OffsetFetchResponseTopic
    partitions = [
        topic.OffsetFetchResponsePartition(
            partition_index=number,
            committed_offset=offset,
            committed_leader_epoch=-1,
            metadata="",
            error_code=partition_error,
        )
        for number, offset in enumerate((40, -1, 0))
    ]
    answer: Any = OffsetFetchResponse[5](error_code=error, topics=[topic(name="events", partitions=partitions)])
    return framed(bytes(answer.encode(version=5)))


def metadata_answer() -> bytes:
    answer: Any = MetadataResponse[4](brokers=[], cluster_id="c", controller_id=1, topics=[])
    return framed(bytes(answer.encode(version=4)))


def delete_answer(error: int = 0) -> bytes:
    result: Any = DeleteGroupsResponse.DeletableGroupResult(group_id="group", error_code=error)
    answer: Any = DeleteGroupsResponse[1](throttle_time_ms=0, results=[result])
    return framed(bytes(answer.encode(version=1)))


def test_servers_are_host_and_port() -> None:
    assert sorted(addresses("b.example:1, a.example:2,[::1]:3")) == [("::1", 3), ("a.example", 2), ("b.example", 1)]
    with pytest.raises(SmaError, match="^SMA_KAFKA_BOOTSTRAP: 'kafka:port' is no list of host:port"):
        addresses("kafka:port")


def test_the_coordinator_is_where_the_broker_says() -> None:
    with broker_that_sends(Wire, coordinator_answer()) as wire:
        assert groups.coordinator(wire, "group") == COORDINATOR


def test_a_coordinator_that_is_not_chosen_yet_can_be_asked_for_again() -> None:
    with broker_that_sends(Wire, coordinator_answer(("", -1), 15)) as wire, pytest.raises(ProtocolError) as raised:
        groups.coordinator(wire, "group")
    assert raised.value.retriable


def test_what_a_group_has_committed_and_where_it_never_did() -> None:
    with broker_that_sends(Wire, offsets_answer()) as wire:
        assert groups.committed(wire, "group", "events", [0, 1, 2]) == {0: 40, 2: 0}


@pytest.mark.parametrize("errors", [{"error": 16}, {"partition_error": 14}])
def test_a_coordinator_that_moved_or_is_still_loading_can_be_asked_again(errors: dict[str, int]) -> None:
    with broker_that_sends(Wire, offsets_answer(**errors)) as wire, pytest.raises(ProtocolError) as raised:
        groups.committed(wire, "group", "events", [0, 1, 2])
    assert raised.value.retriable


def test_a_coordinator_that_is_not_ready_is_asked_again_and_ends_no_process() -> None:
    # an OffsetFetch answered with NOT_COORDINATOR is what librdkafka's admin client dies of
    answers = [[b""], [offsets_answer(error=NotCoordinatorError.errno)], [b""], [offsets_answer()]]
    with broker_at(answers) as address:
        answers[0][0] = answers[2][0] = coordinator_answer(address)
        settings = Settings(kafka_bootstrap=f"{HERE}:{address[1]}")

        def question(wire: Wire) -> dict[int, int]:
            return groups.committed(wire, "group", "events", [0, 1, 2])

        assert groups.ask_coordinator(settings, "group", question, retry_s=0.01) == {0: 40, 2: 0}


@pytest.mark.parametrize(
    ("error", "raised"), [(0, None), (GroupIdNotFoundError.errno, None), (NonEmptyGroupError.errno, groups.GroupInUse)]
)
def test_a_group_is_deleted_unless_it_has_members(error: int, raised: type[SmaError] | None) -> None:
    answers = [[b""], [delete_answer(error)]]
    with broker_at(answers) as address:
        answers[0][0] = coordinator_answer(address)
        settings = Settings(kafka_bootstrap=f"{HERE}:{address[1]}")
        if raised is None:
            groups.delete_group(settings, "group")
        else:
            with pytest.raises(raised, match="the consumer group group has members: stop what reads under it"):
                groups.delete_group(settings, "group")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            KafkaException(KafkaError(KafkaError._TRANSPORT, "broker down")),
            Unanswered,
            "Kafka does not answer at 127.0.0.1:1 (Connection refused): run `sma up`",
        ),
        (
            KafkaException(KafkaError(KafkaError.POLICY_VIOLATION, "not so")),
            Refused,
            "Kafka at 127.0.0.1:1 refuses: not so",
        ),
        (
            KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Broker: Topic authorization failed")),
            Denied,
            "Kafka at 127.0.0.1:1 refuses User:ANONYMOUS: Read on Topic:events is not allowed",
        ),
        (TimeoutError(), Unanswered, "Kafka does not answer at 127.0.0.1:1 (Connection refused): run `sma up`"),
    ],
)
def test_a_broker_that_is_away_is_distinguished_from_one_that_refuses(
    error: Exception, kind: type[SmaError], said: str
) -> None:
    found = failure(Settings(kafka_bootstrap="127.0.0.1:1"), error, needs=["Read on Group:g", "Read on Topic:events"])
    assert (type(found), str(found)) == (kind, said)


def test_a_broker_that_is_down_is_one_line_and_nothing_is_printed() -> None:
    ask = """if True:
        from clients.answers import Unanswered
        from clients.kafka import offsets
        from sma.settings import Settings
        try:
            offsets.partitions(Settings(kafka_bootstrap="127.0.0.1:1"), "events", timeout_s=1)
        except Unanswered as error:
            print(error)
    """
    ran = subprocess.run([sys.executable, "-c", ask], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Kafka does not answer at 127.0.0.1:1 (")
    assert ran.stdout.endswith("): run `sma up`\n")
    assert ran.stderr == ""


def test_a_process_that_reads_the_log_does_not_load_librdkafka() -> None:
    load = "import sys, batch.log.fetch, batch.log.reader; print('confluent_kafka' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", load], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_a_server_that_takes_no_connections_is_no_wait() -> None:
    with pytest.raises(Unanswered, match=r"Kafka does not answer at 127\.0\.0\.1:1,\[::1\]:1 \("):
        require_answer(Settings(kafka_bootstrap="127.0.0.1:1,[::1]:1"), timeout_s=60)


@pytest.mark.parametrize("bootstrap", ["{}:{}", "127.0.0.1:1, {}:{}"])
def test_one_server_that_answers_is_enough(bootstrap: str) -> None:
    with broker_at([[metadata_answer()]]) as (host, port):
        require_answer(Settings(kafka_bootstrap=bootstrap.format(host, port)), timeout_s=60)


def test_a_part_that_is_down_is_found_before_any_time_out() -> None:
    health = check_kafka(Settings(kafka_bootstrap="127.0.0.1:1"))
    assert health.reason == "Connection refused"
