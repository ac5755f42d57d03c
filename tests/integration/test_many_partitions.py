"""A topic of 64 partitions, most of them empty: created, streamed, indexed, reconciled and shown as one of four is."""

import json
import re
from dataclasses import replace

import pytest

from clients.flink import FlinkRest
from deploy.topics import check_topics, topic_names
from monitoring.exporter.kafka_lag import KafkaLag
from tests.support.metrics import of_partitions
from tests.support.places import place_on
from tests.support.stored import stored, succeed
from tests.support.stream_job import use_averages

PARTITIONS = 64
SERIES = 5
EVENTS = 500
MINUTE = 60_000
START = 1_357_034_400_000
YAML = """
watermark_delay: 1 minute
allowed_lateness: 10 minutes
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""


@pytest.fixture(scope="module")
def ran(stack, stack_template, slots, tmp_path_factory):
    """A job on such a topic, without SMA_PARALLELISM, whose rows were reconciled; what was seen of it."""
    folder = tmp_path_factory.mktemp("many")
    rows = [f"{START + number * MINUTE},c{number % SERIES},{number}" for number in range(EVENTS)]
    (folder / "events.csv").write_text("\n".join(["at,customer,value", *rows]))
    wide = replace(stack, environ=stack.environ | {"SMA_PARTITIONS": str(PARTITIONS), "SMA_PARALLELISM": "0"})
    with place_on(wide, stack_template) as place:
        use_averages(place, folder / "averages.yaml", YAML)
        try:
            succeed(place.sma("stream", "start"))
            columns = (
                "--customer-column",
                "customer",
                "--metric",
                "m",
                "--time-column",
                "at",
                "--value-column",
                "value",
            )
            csv = str(folder / "events.csv")
            succeed(place.sma("produce", csv, *columns, "--time-format", "epoch_ms", "--close"))
            succeed(place.sma("wait"))
            rest = FlinkRest(place.settings.flink_url)
            tasks = rest.overview()["slots-total"] - rest.free_slots()
            status = json.loads(place.sma("status", "--json").stdout)
            lag = KafkaLag(place.settings.model_copy(update={"state_dir": folder})).look()
            reconciled = succeed(place.sma("reconcile", "--start", "2013-01-01", "--end", "2013-01-01"))
            yield place, tasks, status, lag, reconciled
        finally:
            place.sma("stream", "stop")


def test_each_topic_has_them(ran):
    place, *_ = ran
    assert [(report.name, report.partitions) for report in check_topics(place.settings)] == [
        (name, PARTITIONS) for name in topic_names(place.settings)
    ]


def test_the_job_takes_half_of_the_slots_and_leaves_the_others_to_a_replay(ran):
    place, tasks, *_ = ran
    assert tasks == FlinkRest(place.settings.flink_url).slots() // 2


def test_the_status_has_each_partition_and_nothing_to_say_of_the_topics(ran):
    _, _, status, *_ = ran
    assert len(status["stream"]["log_end"]) == PARTITIONS
    assert status["stream"]["lag"] == 0
    assert [topic["remarks"] for topic in status["topics"]] == [[]] * 4


def test_the_exporter_has_the_lag_of_each_partition(ran):
    *_, lag, _ = ran
    assert of_partitions(lag, "sma_consumer_lag_events") == [0] * PARTITIONS


def test_both_layers_have_the_same_rows(ran):
    place, _, _, _, reconciled = ran
    compared, equal = (int(re.search(rf"{name} +([\d,]+)", reconciled)[1].replace(",", "")) for name in NAMES)
    assert compared == equal > 0
    batch = stored(place, "batch_averages")["hour"]
    assert batch == {key: pair for key, pair in stored(place, "streaming_averages")["hour"].items() if key in batch}
    assert {customer for customer, _, _ in batch} == {f"c{number}" for number in range(SERIES)}


NAMES = ("windows compared", "equal")
