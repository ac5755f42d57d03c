"""`sma stream ...` on the real cluster, as whoever is on call types it, against the oracle."""

import json
import random

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import records, stored, succeed

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_357_034_400_000
YAML = """
watermark_delay: 1 minute
allowed_lateness: 1 hour
averages:
  - {name: hour, window: 1 hour, every: 1 hour}
  - {name: last_5, window: 5 events, every: 10 minutes}
"""
HALF_DAY = "  - {name: half_day, window: 12 hours, every: 6 hours}\n"
TABLE = "SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.streaming_averages"


def make_events(seed, count, start_ms=START, customer="a"):
    """Return events of a few series over 30 hours, out of order by less than is allowed."""
    chooser = random.Random(seed)
    return [
        (
            customer,
            f"m{chooser.randrange(4)}",
            start_ms + 30 * HOUR * index // count - chooser.randrange(30 * MINUTE),
            f"{chooser.randrange(-(10**9), 10**9) / 10**5:.5f}",
        )
        for index in range(count)
    ]


def as_record(event, partition=-1):
    customer, metric, event_time_ms, value = event
    fields = {"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}
    key = f"{customer}/{metric}" if partition < 0 else None
    return Sent(json.dumps(fields).encode(), event_time_ms, key=key, partition=partition)


def heartbeat(time_ms, partition):
    return Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition)


def expected_of(events):
    return {
        "hour": oracle.duration_windows(events, HOUR, HOUR),
        "last_5": oracle.count_windows(events, 5, 10 * MINUTE),
        "half_day": oracle.duration_windows(events, 12 * HOUR, 6 * HOUR),
    }


def only(names, answers):
    return {name: answers[name] for name in names}


def digest(place):
    """Return a digest of the whole table, with the times at which its rows were written."""
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        return connection.execute(
            "SELECT md5(string_agg(t::text, chr(10) ORDER BY customer, metric, average, as_of)) "
            "FROM sma.streaming_averages AS t"
        ).fetchone()[0]


def as_owner(place, statement):
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        return connection.execute(statement).rowcount


def refused(ran, *words):
    assert ran.returncode != 0
    for word in words:
        assert word in ran.stderr


@pytest.fixture
def yaml(place, slots, averages_file):
    """Write averages.yaml of the test's place; the job is stopped in the end."""

    def write(text):
        averages_file.write_text(text)
        place.environ["SMA_AVERAGES"] = str(averages_file)

    write(YAML)
    yield write
    place.sma("stream", "stop")


def test_the_job_is_stopped_started_changed_and_loses_nothing(place, yaml):
    place.environ["SMA_PUBLISH_AVERAGES"] = "false"
    refused(place.sma("stream", "savepoint"), "run `sma stream start`")
    assert "no job was running" in succeed(place.sma("stream", "stop"))
    assert "reads the log from its beginning" in succeed(place.sma("stream", "start"))
    assert "runs already" in succeed(place.sma("stream", "start"))
    refused(place.sma("stream", "start", "--fresh"), "stop it before a fresh start")

    first = make_events(1, 1_500)
    publish(place.settings, [as_record(event) for event in first])
    succeed(place.sma("wait", "--timeout", "120"))
    assert "savepoint-" in succeed(place.sma("stream", "savepoint"))
    assert "stopped with savepoint" in succeed(place.sma("stream", "stop"))
    before = stored(place, "streaming_averages")

    # what the state was not computed by is refused, with the command that helps
    yaml(YAML.replace("5 events", "6 events"))
    refused(place.sma("stream", "start"), "average last_5: 5 events", "sma stream start --fresh")
    yaml(YAML + HALF_DAY)
    refused(place.sma("stream", "start"), "average half_day: added", "sma stream upgrade")
    yaml(YAML)
    assert "resumes from the savepoint" in succeed(place.sma("stream", "start"))
    assert stored(place, "streaming_averages") == before

    # an average more, another parallelism and another state backend, while events come
    yaml(YAML + HALF_DAY)
    planned = succeed(place.sma("stream", "upgrade", "--dry-run"))
    assert "average half_day: added (12 hours every 6 hours): the state carries over for the others" in planned
    second = make_events(2, 1_500, start_ms=START + 30 * HOUR)
    publish(place.settings, [as_record(event) for event in second])
    place.environ.update(SMA_PARALLELISM="1", SMA_STATE_BACKEND="rocksdb")
    assert "resumes from the savepoint" in succeed(place.sma("stream", "upgrade"))
    publish(place.settings, [heartbeat(START + 90 * HOUR, partition) for partition in range(4)])
    succeed(place.sma("wait", "--timeout", "120"))
    assert stored(place, "streaming_averages") == expected_of(first + second)

    status = json.loads(succeed(place.sma("stream", "status", "--json")))
    assert (status["lag"], status["late_records"], status["rejected_records"]) == (0, 0, 0)
    assert sum(account["events_used"] for account in status["accounts"]) == 3_000
    assert {account["residue"] for account in status["accounts"]} == {0}
    assert records(place, place.settings.moving_averages_topic) == []


def test_a_replay_and_a_reprocessing_repair_the_table(place, yaml, tmp_path):
    yaml(YAML + HALF_DAY)
    succeed(place.sma("stream", "start"))
    events = make_events(3, 2_000)
    publish(place.settings, [as_record(event) for event in events])
    publish(place.settings, [heartbeat(START + 60 * HOUR, partition) for partition in range(4)])
    succeed(place.sma("wait", "--timeout", "120"))
    expected = expected_of(events)
    assert stored(place, "streaming_averages") == expected

    damaged = as_owner(place, "DELETE FROM sma.streaming_averages WHERE metric = 'm1'")
    damaged += as_owner(place, "UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 WHERE metric = 'm2'")
    assert damaged > 100
    digest_before = digest(place)
    dry = json.loads(
        succeed(place.sma("stream", "replay", "--from-time", "2013-01-01", "--dry-run", "--json", timeout=300))
    )
    assert dry["rows_stated"] >= sum(len(rows) for rows in expected.values())
    assert (dry["warm_up_records"], sum(dry["range"]["to_offsets"].values())) == (0, 2_004)
    assert digest(place) == digest_before
    succeed(place.sma("stream", "replay", "--from-time", "2013-01-01"))
    assert stored(place, "streaming_averages") == expected
    digest_after = digest(place)
    offsets = tmp_path / "offsets.json"
    offsets.write_text('{"0": 0, "1": 0, "2": 0, "3": 0}')
    assert "stated" in succeed(place.sma("stream", "replay", "--from-offsets", str(offsets)))
    assert digest(place) == digest_after

    # from stored rows: what Kafka no longer holds
    admin = AdminClient({"bootstrap.servers": place.settings.kafka_bootstrap})
    topic = place.settings.events_topic
    for future in admin.delete_records([TopicPartition(topic, partition, 1) for partition in range(4)]).values():
        future.result(30)
    refused(place.sma("stream", "replay", "--from-offsets", str(offsets)), "partition 0: the offsets 0 to 0 are gone")
    refused(place.sma("stream", "replay", "--from-time", "2013-01-02"), "the offsets 0 to 0 are gone")
    as_owner(place, "DELETE FROM sma.streaming_averages WHERE average = 'half_day' AND metric <> 'm3'")
    as_owner(place, "UPDATE sma.streaming_averages SET value_sum = 0 WHERE average = 'half_day' AND metric = 'm3'")
    derived = succeed(place.sma("stream", "reprocess", "half_day"))
    assert "rows of hour" in derived
    whole = {
        key: pair
        for key, pair in expected["half_day"].items()
        if key[2] <= max(as_of for *_, as_of in expected["hour"])
    }
    answers = stored(place, "streaming_averages")
    assert {key: pair for key, pair in answers["half_day"].items() if key[1] != "m3"} == {
        key: pair for key, pair in whole.items() if key[1] != "m3"
    }
    # rows that follow from the log are not replaced by rows that do not
    assert all(answers["half_day"][key][0] == 0 for key in whole if key[1] == "m3")
    assert only(["hour", "last_5"], answers) == only(["hour", "last_5"], expected)


def test_quiet_partitions_hold_nothing_back_and_an_added_one_is_noticed(place, yaml):
    succeed(place.sma("stream", "start"))
    events = make_events(4, 500)
    publish(place.settings, [as_record(event, partition=0) for event in events])
    succeed(place.sma("wait", "--timeout", "120"))
    # three partitions are empty: the windows of the other close, but for those after its watermark
    newest = max(event_time_ms for _, _, event_time_ms, _ in events)
    closed = {
        name: {key: pair for key, pair in rows.items() if key[2] <= newest - MINUTE + 1}
        for name, rows in only(["hour", "last_5"], expected_of(events)).items()
    }
    assert stored(place, "streaming_averages") == closed

    # a series that appears late, in a partition that was quiet until now
    appeared = [("b", "late", START - 400 * HOUR, "1.5"), ("b", "late", START - 399 * HOUR, "2.5")]
    publish(place.settings, [as_record(event, partition=1) for event in appeared])
    publish(place.settings, [heartbeat(START + 50 * HOUR, partition) for partition in (0, 1)])
    succeed(place.sma("wait", "--timeout", "120"))
    assert stored(place, "streaming_averages") == only(["hour", "last_5"], expected_of(events + appeared))

    admin = AdminClient({"bootstrap.servers": place.settings.kafka_bootstrap})
    (future,) = admin.create_partitions([NewPartitions(place.settings.events_topic, 5)]).values()
    future.result(30)
    added = make_events(5, 300, customer="c")
    publish(place.settings, [as_record(event, partition=4) for event in added])
    publish(place.settings, [heartbeat(START + 50 * HOUR, 4)])
    succeed(place.sma("wait", "--timeout", "180"))
    assert stored(place, "streaming_averages") == only(["hour", "last_5"], expected_of(events + appeared + added))
    assert "1 partitions were added to the topic" in succeed(place.sma("stream", "status"))

    # an average is added while the job is stopped; the partition that was added is not forgotten
    succeed(place.sma("stream", "stop"))
    yaml(YAML + HALF_DAY)
    refused(place.sma("stream", "start"), "average half_day: added", "sma stream upgrade")
    upgraded = place.sma("stream", "upgrade")
    assert "resumes from the savepoint" in succeed(upgraded)
    assert "starting the job as it was" in upgraded.stderr
    succeed(place.sma("wait", "--timeout", "180"))
    assert stored(place, "streaming_averages") == expected_of(events + appeared + added)
    assert "1 partitions were added to the topic" in succeed(place.sma("stream", "status"))
