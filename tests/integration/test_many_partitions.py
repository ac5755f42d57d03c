"""A topic of 64 partitions, most of them empty: created, streamed, indexed, reconciled and shown as one of four is."""

import json
from dataclasses import dataclass, replace

import pytest

from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from clients.flink import FlinkRest
from deploy.topics import check_topics, topic_names
from monitoring.exporter.kafka_lag import KafkaLag
from sma.averages import parse_averages
from tests.support import oracle
from tests.support.metrics import of_partitions
from tests.support.month_of_events import as_record
from tests.support.places import Place, place_on
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import use_averages
from tests.support.touched_days import days_touched

pytestmark = pytest.mark.nightly("many partitions")  # beside the short form of test_sixty_four_partitions

PARTITIONS = 64
MINUTE = 60_000
START = 1_357_034_400_000
EVENTS = [(f"c{number % 5}", "m", START + number * MINUTE, str(number)) for number in range(500)]
END = START + 3 * 24 * 60 * MINUTE
YAML = """
watermark_delay: 1 minute
allowed_lateness: 10 minutes
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""


@dataclass(frozen=True)
class Ran:
    """What was seen of the job and of a reconciliation."""

    place: Place
    tasks: int
    status: dict
    lag: list
    days: list
    reconciled: Reconciled


@pytest.fixture(scope="module")
def ran(stack, stack_template, slots, tmp_path_factory):
    """A job on such a topic, without SMA_PARALLELISM, whose rows are reconciled."""
    folder = tmp_path_factory.mktemp("many")
    wide = replace(stack, environ=stack.environ | {"SMA_PARTITIONS": str(PARTITIONS), "SMA_PARALLELISM": "0"})
    with place_on(wide, stack_template) as place:
        use_averages(place, folder / "averages.yaml", YAML)
        settings, averages = place.settings, parse_averages(YAML, "averages.yaml")
        try:
            succeed(place.sma("stream", "start"))
            publish(settings, [as_record(event) for event in EVENTS])
            publish(settings, [Sent(b'{"heartbeat": %d}' % END, END, partition=each) for each in range(PARTITIONS)])
            succeed(place.sma("wait"))
            rest = FlinkRest(settings.flink_url)
            tasks = rest.slots() - rest.free_slots()
            status = json.loads(place.sma("status", "--json").stdout)
            lag = KafkaLag(settings.model_copy(update={"state_dir": folder})).look()
            days = days_touched(settings, averages, print)
            compute_batch_days(settings, averages, days, "run-1", print)
            yield Ran(place, tasks, status, lag, days, reconcile_days(settings, averages, days, "run-1", print))
        finally:
            place.sma("stream", "stop")


def test_each_topic_has_them(ran):
    settings = ran.place.settings
    found = [(report.name, report.partitions) for report in check_topics(settings)]
    assert found == [(name, PARTITIONS) for name in topic_names(settings)]


def test_the_job_takes_half_of_the_slots_and_leaves_the_others_to_a_replay(ran):
    assert ran.tasks == FlinkRest(ran.place.settings.flink_url).slots() // 2


def test_the_status_has_each_partition_and_nothing_to_say_of_the_topics(ran):
    assert len(ran.status["stream"]["log_end"]) == PARTITIONS
    assert ran.status["stream"]["lag"] == 0
    assert [topic["remarks"] for topic in ran.status["topics"]] == [[]] * 4


def test_the_exporter_has_the_lag_of_each_partition(ran):
    assert of_partitions(ran.lag, "sma_consumer_lag_events") == [0] * PARTITIONS


def test_the_index_accounts_for_every_record_of_every_partition(ran):
    index = ran.reconciled.index
    assert len(index.partitions) == PARTITIONS
    assert sum(partition.events for partition in index.partitions) == len(EVENTS)
    assert sum(partition.heartbeats for partition in index.partitions) == PARTITIONS
    assert ran.reconciled.unaccounted == 0


def test_both_layers_have_the_rows_of_the_oracle(ran):
    expected = oracle.duration_windows(EVENTS, 60 * MINUTE, 15 * MINUTE)
    assert stored(ran.place, "streaming_averages")["hour"] == expected
    assert stored(ran.place, "batch_averages")["hour"] == expected
    assert ran.reconciled.unexplained == 0
