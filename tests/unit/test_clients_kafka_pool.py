"""Connections to brokers are kept, each for one principal, until they are idle for long or broken."""

import atexit
import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_a_connection_that_was_closed_here_is_not_used_whenever_it_was_given_back() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        settings, address = settings_of(bootstrap), address_of(bootstrap)
        before, after = pool.borrow(settings, address, 5), pool.borrow(settings, address, 5)
        before.close()
        for wire in (before, after):
            pool.give_back(wire)
        after.close()
        assert pool.ask(settings, address, 5, brokers) == 1
        assert log.connections == 3


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


def test_a_reading_that_the_garbage_collector_ends_gives_its_connection_back_wherever_that_happens() -> None:
    pool = Pool(Wire)
    atexit.unregister(pool.close)  # which would wait for ever too
    borrowed = []  # or the collector would close their sockets as well

    with kafka_with(Log([])) as bootstrap:
        settings, address = settings_of(bootstrap), address_of(bootstrap)

        def reading() -> Iterator[None]:
            borrowed.append(pool.borrow(settings, address, 5))
            wire = borrowed[-1]
            try:
                yield
            finally:
                pool.give_back(wire)

        def give_up_readings() -> None:
            wire = pool.borrow(settings, address, 5)
            for objects in range(40):  # after so many the collector runs, and looks at the youngest alone
                gc.disable()
                given_up: list[Any] = [reading()]
                next(given_up[0])
                given_up.append(given_up)  # a cycle, as an exception and its frames are
                del given_up
                gc.set_threshold(gc.get_count()[0] + objects, 10**9, 10**9)
                gc.enable()
                pool.give_back(wire)
                wire = pool.borrow(settings, address, 5)
            wire.close()

        thresholds = gc.get_threshold()
        giving = threading.Thread(target=give_up_readings, daemon=True)
        giving.start()
        giving.join(DEADLINE_S)
        gc.set_threshold(*thresholds)
        gc.enable()
        assert not giving.is_alive()
        gc.collect()
        pool.close()
    assert all(wire.is_closed for wire in borrowed)


def test_many_threads_use_each_connection_one_at_a_time_while_idle_ones_are_closed() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire, idle_s=0.01)) as pool:
        settings, address = settings_of(bootstrap), address_of(bootstrap)

        def ask_often(_: int) -> list[int]:
            return [pool.ask(settings, address, 5, brokers) for _ in range(100)]

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(ask_often, range(8))) == [[1] * 100] * 8


def test_a_server_that_is_connected_is_asked_before_the_others() -> None:
    log = Log([])
    with kafka_with(log) as bootstrap, closing(Pool(Wire)) as pool:
        settings = settings_of(f"127.0.0.1:1,{bootstrap}")
        assert [pool.ask_any(settings, 5, brokers) for _ in range(20)] == [1] * 20
        assert log.connections == 1
