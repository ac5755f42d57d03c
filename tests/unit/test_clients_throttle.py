"""A broker whose quota is used up says how long to send it nothing, and is sent nothing for so long (KIP-219)."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from kafka.errors import KafkaError
from kafka.protocol.admin import DeleteGroupsResponse
from kafka.protocol.consumer import FetchResponse, OffsetFetchResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse

from batch.log.broker import Broker
from batch.log.fast_reader import read_partition
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from clients.kafka import groups, wire
from sma.settings import Settings
from tests.support.fake_broker import broker_that_sends, framed
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import events

THROTTLE_MS = 700

RESPONSES: dict[str, tuple[Any, int, dict[str, Any], Callable[[Broker], object]]] = {
    "Fetch": (FetchResponse, 11, {"responses": []}, lambda broker: broker.fetch("events", 0, 0, 7, 1000, 1)),
    "Metadata": (
        MetadataResponse,
        8,
        {"brokers": [], "cluster_id": "c", "controller_id": 1, "topics": []},
        lambda broker: broker.leader("events", 0),
    ),
    "FindCoordinator": (
        FindCoordinatorResponse,
        2,
        {"error_code": 0, "error_message": None, "node_id": 1, "host": "coordinator.example", "port": 9092},
        lambda broker: groups.coordinator(broker, "group"),
    ),
    "OffsetFetch": (
        OffsetFetchResponse,
        5,
        {"error_code": 16, "topics": []},
        lambda broker: groups.committed(broker, "group", "events", [0]),
    ),
    "DeleteGroups": (DeleteGroupsResponse, 1, {"results": []}, lambda broker: groups.delete(broker, "group")),
}


class Clock:
    """Stands for the module `time`: sleeping takes no time, and is noted."""

    def __init__(self) -> None:
        self.now, self.slept = 1_000.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("name", RESPONSES)
def test_after_a_throttled_response_the_next_request_waits(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    response, version, fields, request = RESPONSES[name]
    answer = response[version](throttle_time_ms=THROTTLE_MS, **fields)
    clock = Clock()
    monkeypatch.setattr(wire, "time", clock)
    body = bytes(answer.encode(version=version))
    with broker_that_sends(Broker, framed(body, 1), framed(body, 2)) as broker:
        for _ in range(2):
            with suppress(KafkaError, ValueError):  # the answers have no topic
                request(broker)
        assert clock.slept == pytest.approx([0.0, THROTTLE_MS / 1_000])
        assert broker.throttled_s == pytest.approx(THROTTLE_MS / 1_000)


def test_a_range_is_read_at_the_pace_that_the_broker_sets() -> None:
    log = Log([events(first, 10) for first in range(0, 50, 10)], fetched_batches=1, throttle_time_ms=60)
    with kafka_with(log) as address:
        assert _read(address, 50) == list(range(50))
    assert log.offsets_asked == [0, 10, 20, 30, 40]
    assert min(log.pauses_s) >= 0.06


def test_the_time_that_the_broker_asks_for_is_no_silence() -> None:
    log = Log([events(first, 10) for first in range(0, 30, 10)], fetched_batches=1, throttle_time_ms=200)
    with kafka_with(log) as address:
        assert _read(address, 30, ReadLimits(silence_seconds=0.1, retry_seconds=0.1)) == list(range(30))


def test_an_answer_with_nothing_but_the_time_to_wait_is_no_failure() -> None:
    log = Log([events(0, 10)], throttle_time_ms=20, over_quota=3)
    with kafka_with(log) as address:
        assert _read(address, 10, ReadLimits(silence_seconds=0.0, retry_seconds=0.0)) == list(range(10))
    assert log.offsets_asked == [0, 0, 0, 0]


def test_a_throttled_reader_that_is_left_half_way_does_not_wait() -> None:
    log = Log([events(first, 10) for first in range(0, 30, 10)], fetched_batches=1, throttle_time_ms=3_600_000)
    with kafka_with(log) as address:
        settings = Settings(kafka_bootstrap=address)
        reading = read_partition(settings, TOPIC, 0, 0, 30, 0, SeriesTable())
        assert next(reading).next_offset == 10
        began = time.monotonic()
        reading.close()
        assert time.monotonic() - began < LIMITS.silence_seconds / 10


def _read(address: str, end: int, limits: ReadLimits = LIMITS) -> list[int]:
    settings = Settings(kafka_bootstrap=address)
    chunks = read_partition(settings, TOPIC, 0, 0, end, 86_400_000, SeriesTable(), limits)
    return [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()]
