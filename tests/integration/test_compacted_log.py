"""A log with the gaps that compaction leaves: both layers compute what is there, and account for it.

The system refuses a topic `events` that is compacted, since that loses events; one that was compacted for a while has
gaps for good.
"""

import json
import random
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from tenacity import stop_after_delay, wait_fixed

from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from clients.kafka.offsets import ends
from sma.averages import load_averages
from sma.settings import Settings
from tests.support.metrics import eventually
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import running_job, use_averages
from tests.support.stream_operations import HOUR, START, YAML, expected_of, heartbeat, make_events, only
from tests.support.superuser import client_options
from tests.support.touched_days import days_touched

pytestmark = pytest.mark.nightly("a compacted log")

EVENTS = 8_000
NOTE_BYTES = 800  # so that the log has several segments
COMPACTED_WITHIN_S = 180
NAMES = ("hour", "last_5")

Position = tuple[int, int]


@dataclass(frozen=True)
class Observed:
    """What compaction has left, by (partition, Kafka offset), and what the layers made of it."""

    published: int
    left: dict[Position, tuple]
    wait_code: int
    status: dict
    streamed: dict
    computed: dict
    reconciled: Reconciled


def as_long_record(event: tuple) -> Sent:
    customer, metric, event_time_ms, value = event
    note = random.Random(event_time_ms).randbytes(NOTE_BYTES).hex()
    fields = {"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value, "note": note}
    return Sent(json.dumps(fields).encode(), event_time_ms, key=f"{customer}/{metric}")


def configure(settings: Settings, **config: str) -> None:
    """Change settings of the topic `events`; `_` stands for a dot."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in config.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, settings.events_topic, incremental_configs=entries)
    admin = AdminClient(client_options(settings))
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()


def events_of(settings: Settings) -> dict[Position, tuple]:
    """The events in the log, by Kafka's own consumer, in the order of each partition."""
    own = {"group.id": "tests", "enable.partition.eof": True, "auto.offset.reset": "earliest"}
    consumer = Consumer({**client_options(settings), "enable.auto.commit": False} | own)
    partitions = ends(settings, settings.events_topic)
    consumer.assign([TopicPartition(settings.events_topic, partition, 0) for partition in partitions])
    found, ended = {}, 0
    try:
        while ended < len(partitions):
            record = consumer.poll(30)
            assert record is not None
            if record.error():
                assert record.error().code() == KafkaError._PARTITION_EOF
                ended += 1
                continue
            fields = json.loads(record.value())
            if "heartbeat" not in fields:
                event = tuple(fields[name] for name in ("customer", "metric", "event_time", "value"))
                found[record.partition(), record.offset()] = event
    finally:
        consumer.close()
    return found


@pytest.fixture(scope="module")
def seen(open_place, slots, tmp_path_factory) -> Observed:
    """What both layers made of a log that was compacted before they read it."""
    with open_place() as place:
        return observe(place, tmp_path_factory.mktemp("compacted") / "averages.yaml")


def observe(place, averages_file) -> Observed:
    settings = place.settings.model_copy(update={"averages": averages_file, "reconcile_timeout": "60 seconds"})
    configure(settings, cleanup_policy="compact", segment_bytes=str(2**20), min_cleanable_dirty_ratio="0.01")
    use_averages(place, averages_file, YAML)
    # many series, so that some have all of their events in one segment and others are repeated in all
    events = [(f"c{index % 7 * (index // 997)}", *event[1:]) for index, event in enumerate(make_events(5, EVENTS))]
    publish(settings, [as_long_record(event) for event in events], "lz4")
    left = {}
    for attempt in eventually(stop=stop_after_delay(COMPACTED_WITHIN_S), wait=wait_fixed(2)):
        with attempt:
            before, left = left, events_of(settings)
            assert len(left) < EVENTS
            assert left == before
    configure(settings, cleanup_policy="delete")  # which ends a cleaning that is under way
    left = events_of(settings)
    publish(settings, [heartbeat(START + 90 * HOUR, partition) for partition in range(4)])
    with running_job(place, averages_file, YAML):
        wait = place.sma("wait", "--timeout", "90")
        status = json.loads(succeed(place.sma("stream", "status", "--json")))
        streamed = stored(place, "streaming_averages")
        averages = load_averages(averages_file)
        days = days_touched(settings, averages, print)
        compute_batch_days(settings, averages, days, "run", print)
        computed = stored(place, "batch_averages")
        reconciled = reconcile_days(settings, averages, days, "run", print)
    return Observed(EVENTS, left, wait.returncode, status, streamed, computed, reconciled)


def test_compaction_has_removed_records_between_others(seen):
    assert 0 < len(seen.left) < seen.published
    offsets = {partition: [o for p, o in seen.left if p == partition] for partition, _ in seen.left}
    assert any(after - before > 1 for each in offsets.values() for before, after in zip(each, each[1:], strict=False))


def test_the_stream_reads_over_the_gaps_to_the_end(seen):
    assert (seen.wait_code, seen.status["lag"]) == (0, 0)


def test_the_batch_layer_has_the_windows_of_what_is_left(seen):
    assert seen.computed == only(NAMES, expected_of(list(seen.left.values())))


def test_the_layers_differ_by_late_events_alone_and_account_for_every_record(seen):
    assert (seen.reconciled.unexplained, seen.reconciled.unaccounted) == (0, 0)
    assert sum(account["residue"] for account in seen.status["accounts"]) == 0
    assert seen.streamed.keys() == seen.computed.keys()
