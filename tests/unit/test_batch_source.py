"""Where a partition is fetched from: a replica in the reader's rack, and the leader wherever that one does not help."""

import pytest

from batch.log.broker import BROKERS
from batch.log.fast_reader import read_partition
from batch.log.limits import ReadLimits
from batch.log.series_table import SeriesTable
from sma.settings import KafkaSettings
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import events

LIMITS = ReadLimits(silence_seconds=2.0)
BATCHES = [events(first, 10) for first in range(0, 100, 10)]


def offsets(bootstrap: str, rack: str = "near") -> list[int]:
    BROKERS.close()
    settings = KafkaSettings(kafka_bootstrap=bootstrap, kafka_rack=rack)
    chunks = read_partition(settings, TOPIC, 0, 0, 100, 10**9, SeriesTable(), LIMITS)
    return [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()]


def leader_that_prefers(address: str) -> Log:
    host, _, port = address.rpartition(":")
    return Log(BATCHES, nodes={2: (host, int(port))}, preferred_replica=2)


def test_the_replica_that_the_leader_names_is_read() -> None:
    with kafka_with(replica := Log(BATCHES)) as near, kafka_with(leader := leader_that_prefers(near)) as bootstrap:
        assert offsets(bootstrap) == list(range(100))
    assert leader.offsets_asked == [0]
    assert replica.offsets_asked == [0, 30, 60, 90]


def test_without_a_rack_the_leader_is_read() -> None:
    with kafka_with(replica := Log(BATCHES)) as near, kafka_with(leader_that_prefers(near)) as bootstrap:
        assert offsets(bootstrap, rack="") == list(range(100))
    assert replica.offsets_asked == []


def test_a_replica_that_is_down_or_unknown_leaves_the_leader() -> None:
    leader = leader_that_prefers("127.0.0.1:1")
    with kafka_with(leader) as bootstrap:
        assert offsets(bootstrap) == list(range(100))
        leader.nodes = {}
        assert offsets(bootstrap) == list(range(100))


@pytest.mark.parametrize(
    ("replica", "asked"),
    [
        (Log(BATCHES[:3]), [0, 30]),  # it is behind, and says that it has nothing yet
        (Log(BATCHES[:2], fetched_batches=1), [0, 10, 20]),
        (Log(BATCHES, start=50), [0]),  # it says that the offset is out of range
    ],
)
def test_what_a_replica_does_not_have_is_read_from_the_leader(replica: Log, asked: list[int]) -> None:
    with kafka_with(replica) as near, kafka_with(leader_that_prefers(near)) as bootstrap:
        assert offsets(bootstrap) == list(range(100))
    assert replica.offsets_asked == asked
