"""Connections to brokers are kept, each for one principal, until they are idle for long or broken."""

import socket
import time
from contextlib import closing
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from pydantic import SecretStr

from batch.log.broker import BROKERS
from batch.log.fast_reader import read_partition
from batch.log.series_table import SeriesTable
from clients.kafka.pool import Pool
from clients.kafka.wire import Address, Wire
from sma.settings import KafkaSettings
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import events

DEADLINE_S = 20.0


def settings_of(bootstrap: str, **others: Any) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=bootstrap, **others)


def address_of(bootstrap: str) -> Address:
    host, _, port = bootstrap.rpartition(":")
    return host, int(port)


def brokers(wire: Wire) -> int:
    return len(wire.ask(MetadataRequest[4](topics=[]), MetadataResponse).brokers)


def test_many_ranges_are_read_over_one_connection() -> None:
    log = Log([events(first, 10) for first in range(0, 100, 10)])
    with kafka_with(log) as bootstrap:
        found = list[int]()
        for start in range(0, 100, 5):
            for chunk in read_partition(settings_of(bootstrap), TOPIC, 0, start, start + 5, 10**9, SeriesTable()):
                found += chunk.kafka_offsets.tolist()
    assert found == list(range(100))
    assert log.connections == 1
    BROKERS.close()


def test_requests_one_after_the_other_share_a_connection_and_requests_at_once_do_not() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        settings, address = settings_of(bootstrap), address_of(bootstrap)
        one, two = pool.borrow(settings, address, 5), pool.borrow(settings, address, 5)
        assert one is not two
        for wire in (one, two):
            pool.give_back(wire)
        assert [pool.ask(settings, address, 5, brokers) for _ in range(5)] == [1] * 5
        assert log.connections == 2


def test_nobody_uses_the_connection_of_another_principal() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        for user in ("", "one", "two"):
            settings = settings_of(bootstrap, kafka_username=user, kafka_password=SecretStr("the same"))
            assert pool.ask_any(settings, 5, brokers) == 1
            assert pool.ask_any(settings, 5, brokers) == 1
    assert log.connections == 3


def test_a_connection_that_the_broker_has_closed_is_not_used() -> None:
    log = Log([])
    with closing(Pool(Wire)) as pool:
        with kafka_with(log) as bootstrap:
            settings, address = settings_of(bootstrap), address_of(bootstrap)
            assert pool.ask(settings, address, 5, brokers) == 1
        with pytest.raises(KafkaConnectionError, match="refused"):
            pool.ask(settings, address, 5, brokers)


def test_a_connection_that_turns_out_to_be_closed_is_made_again() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        settings, address = settings_of(bootstrap), address_of(bootstrap)
        asked = list[Wire]()

        def question(wire: Wire) -> int:
            asked.append(wire)
            if len(asked) == 2:
                raise KafkaConnectionError("closed meanwhile")
            return brokers(wire)

        assert [pool.ask(settings, address, 5, question) for _ in range(2)] == [1, 1]
        assert asked[0] is asked[1] is not asked[2]


def test_a_connection_whose_response_was_not_read_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, closing(Pool(Wire)) as pool:
        address = silent.getsockname()
        wire = pool.borrow(settings_of("127.0.0.1:1"), address, 0.05)
        with pytest.raises(KafkaConnectionError, match="timed out"):
            brokers(wire)
        pool.give_back(wire)
        assert wire.is_closed


def test_an_idle_connection_is_closed() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire, idle_s=0.1)) as pool:
        settings, address = settings_of(bootstrap), address_of(bootstrap)
        wire = pool.borrow(settings, address, 5)
        assert brokers(wire) == 1
        pool.give_back(wire)
        give_up_at = time.monotonic() + DEADLINE_S
        while not wire.is_closed:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)


def test_a_server_that_is_connected_is_asked_before_the_others() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        settings = settings_of(f"127.0.0.1:1,{bootstrap}")
        assert [pool.ask_any(settings, 5, brokers) for _ in range(20)] == [1] * 20
        assert log.connections == 1
