"""A topic that is deleted and made anew under its name: what was made of the first is not gone on with."""

import json
from pathlib import Path

import psycopg
import pytest

from clients.kafka.offsets import topic_id
from deploy.topics import reset_topics
from monitoring.exporter import database
from sma.errors import SmaError
from streaming.control.snapshots import Snapshots
from tests.support.metrics import eventually, samples
from tests.support.month_of_events import as_record, extend, log_of
from tests.support.publishing import publish
from tests.support.stored import succeed
from tests.support.stream_job import use_averages

YAML = """
watermark_delay: 1 hour
allowed_lateness: 3 hours
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""


def test_the_job_does_not_start_on_a_state_of_another_topic(place, slots, tmp_path):
    use_averages(place, tmp_path / "averages.yaml", YAML)
    succeed(place.sma("stream", "start"))
    succeed(place.sma("stream", "stop"))
    first_id = topic_id(place.settings, place.settings.events_topic)
    assert Snapshots(place.settings).job_config().topic_id == first_id
    reset_topics(place.settings.kafka_as("admin"))
    second_id = topic_id(place.settings, place.settings.events_topic)
    assert second_id != first_id
    refused = place.sma("stream", "start")
    assert refused.returncode != 0
    assert f"deleted and made anew under its name (id {first_id} -> {second_id})" in refused.stderr
    assert "sma stream start --fresh" in refused.stderr
    succeed(place.sma("stream", "start", "--fresh"))
    try:
        assert Snapshots(place.settings).job_config().topic_id == second_id
    finally:
        place.sma("stream", "stop")


@pytest.mark.nightly
def test_a_job_that_fails_on_another_topic_is_named_with_its_way_out_and_starts_afresh(place, slots, tmp_path):
    use_averages(place, tmp_path / "averages.yaml", YAML)
    publish(place.settings, [as_record(event) for event in log_of(100)])
    succeed(place.sma("stream", "start"))
    try:
        succeed(place.sma("wait"))
        former_id = topic_id(place.settings, place.settings.events_topic)
        # under the running job, which now wants Kafka offsets that are not there
        reset_topics(place.settings.kafka_as("admin"))
        for attempt in eventually():
            with attempt:
                assert state_of(place) == "RESTARTING"
        (remark,) = remarks_on_events(place)
        assert f"made anew under its name (id {former_id} -> " in remark
        assert "since the job's state began" in remark
        assert "`sma stream start --fresh`" in remark
        for attempt in eventually():
            with attempt:  # between two restarts it is running for a moment
                succeed(place.sma("stream", "start", "--fresh"))
        assert remarks_on_events(place) == []
        publish(place.settings, [as_record(event) for event in log_of(10)])
        succeed(place.sma("wait"))
    finally:
        place.sma("stream", "stop")


def state_of(place):
    return json.loads(place.sma("stream", "status", "--json").stdout)["state"]


def remarks_on_events(place):
    topics = json.loads(place.sma("status", "--json").stdout)["topics"]
    return next(topic["remarks"] for topic in topics if topic["name"] == place.settings.events_topic)


def test_a_state_that_was_stored_without_the_id_of_its_topic_takes_the_present_one(place, slots, tmp_path):
    use_averages(place, tmp_path / "averages.yaml", YAML)
    succeed(place.sma("stream", "start"))
    succeed(place.sma("stream", "stop"))
    (stored,) = Path(place.settings.state_dir).glob(f"flink/**/{place.settings.job_name}/*/definition.json")
    config = json.loads(stored.read_text())
    del config["topic_id"]
    stored.write_text(json.dumps(config))
    assert "resumes from" in succeed(place.sma("stream", "start"))
    place.sma("stream", "stop")
    assert json.loads(stored.read_text())["topic_id"] == topic_id(place.settings, place.settings.events_topic)


def test_the_offset_index_is_not_extended_from_another_topic(place):
    publish(place.settings, [as_record(event) for event in log_of(100)])
    extend(place)
    reset_topics(place.settings.kafka_as("admin"))
    publish(place.settings, [as_record(event) for event in log_of(200)])
    with pytest.raises(SmaError, match="was deleted and made anew under its name since it was indexed") as refused:
        extend(place)
    assert "`sma up --fresh` starts with an empty database" in str(refused.value)
    (remark,) = remarks_on_events(place)
    assert "since it was indexed, so nothing more is indexed or reconciled" in remark
    assert "`sma up --fresh` starts with an empty database" in remark
    found = samples(database.look_at_reconciliation(place.settings))
    assert (found["sma_topic_made_anew", "batch"], found["sma_topic_made_anew", "stream"]) == (1, 0)


def test_an_index_that_was_stored_without_the_id_of_its_topic_takes_the_present_one(place):
    publish(place.settings, [as_record(event) for event in log_of(100)])
    extend(place)
    with psycopg.connect(place.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE sma.indexed_partitions SET topic_id = NULL")
        extend(place)
        ids = connection.execute("SELECT DISTINCT topic_id FROM sma.indexed_partitions").fetchall()
    assert ids == [(topic_id(place.settings, place.settings.events_topic),)]
