"""Kafka's retention against the days to reconcile, on a real topic: kept, soon dropped, and dropped."""

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from psycopg.types.json import Jsonb

from batch.checks.log_retention import days_are_retained
from clients.kafka.topics import topic_config
from sma.averages import parse_averages
from tests.support.index_rows import DAY, IndexRows
from tests.support.metrics import eventually
from tests.support.publishing import Sent, publish
from tests.support.superuser import client_options

RECORDS = 400
RECORD_BYTES = 120
HOUR = parse_averages(
    "watermark_delay: 1 second\naverages: [{name: hour, window: 1 hour, every: 15 minutes}]", "averages.yaml"
)


@pytest.fixture
def indexed(place):
    """400 records of 100 bytes and 20 of overhead in partition 0, all indexed, and a day that needs the first."""
    publish(place.settings, [Sent(b"x" * 100, 0, partition=0)] * RECORDS)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        index = IndexRows(connection)
        index.low_watermark(36, next_offset=RECORDS)
        index.block((0, 1), (12, 12))
        # an hour ago there were no records yet: 400 an hour
        connection.execute(
            "INSERT INTO sma.reconciliations VALUES ('run', '2013-01-01', 'hour', 0, 0, 0, 0, 0, 0, 0, %s, 0, "
            "now() - INTERVAL '1 hour')",
            (Jsonb({"0": 0}),),
        )
    return place


def retain(place, limit, key="retention.bytes"):
    entry = ConfigEntry(key, str(limit), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, place.settings.events_topic, incremental_configs=[entry])
    client = admin(place)  # one that nobody holds is gone before it has its answer
    (future,) = client.incremental_alter_configs([resource]).values()
    future.result(15)
    for attempt in eventually():  # the controller has it before the broker
        with attempt:
            assert topic_config(place.settings, place.settings.events_topic)[key] == str(limit)


def admin(place):
    return AdminClient(client_options(place.settings))


def test_a_log_that_keeps_everything_is_well(indexed):
    finding = days_are_retained(indexed.settings, HOUR, DAY)
    assert finding.passed
    assert finding.figures == {"days_to_reconcile": 1, "days_lost": 0, "seconds_needed": 900}


@pytest.mark.parametrize(("hours_left", "passed"), [(1.0, True), (0.4, False)])
def test_it_warns_before_the_first_record_needed_is_dropped(indexed, hours_left, passed):
    retain(indexed, int(RECORDS * RECORD_BYTES * (1 + hours_left)))
    finding = days_are_retained(indexed.settings, HOUR, DAY)
    assert (finding.passed, finding.is_error) == (passed, passed)  # where it fails, it is a warning
    assert finding.figures["seconds_left"] == pytest.approx(hours_left * 3600, rel=0.05)


@pytest.mark.parametrize(("seconds_left", "passed"), [(3600, True), (600, False)])
def test_it_warns_before_the_first_record_needed_is_too_old(indexed, seconds_left, passed):
    retain(indexed, seconds_left * 1_000, "retention.ms")  # the records are some seconds old
    finding = days_are_retained(indexed.settings, HOUR, DAY)
    assert (finding.passed, finding.is_error) == (passed, passed)
    assert finding.figures["seconds_left"] == pytest.approx(seconds_left, abs=60)


def test_what_was_dropped_is_an_error(indexed):
    partition = TopicPartition(indexed.settings.events_topic, 0, 1)
    client = admin(indexed)
    (future,) = client.delete_records([partition]).values()
    future.result(15)
    finding = days_are_retained(indexed.settings, HOUR, DAY)
    assert (finding.passed, finding.is_error) == (False, True)
    assert "need, the first 2013-01-10" in finding.description


def test_what_was_dropped_before_it_was_indexed_is_an_error(indexed):
    with psycopg.connect(indexed.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("UPDATE sma.indexed_partitions SET next_offset = 100")
    client = admin(indexed)
    (future,) = client.delete_records([TopicPartition(indexed.settings.events_topic, 0, 101)]).values()
    future.result(15)
    finding = days_are_retained(indexed.settings, HOUR, DAY)
    assert (finding.passed, finding.is_error) == (False, True)
    assert "before they were indexed" in finding.description
