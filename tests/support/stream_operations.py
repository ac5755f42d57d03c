"""What whoever is on call does to a running job, and what comes of it: a change, a repair, a growing log.

Each of the three performs its acts on a place that no job runs on, and returns what was seen after each; whether it is
right, the tests decide. `yaml` writes the place's averages. What must succeed for the next act to mean anything is
asserted here.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import psycopg
from confluent_kafka.admin import AdminClient, NewPartitions

from sma.averages import Average, Averages
from sma.window import CountWindow, DurationWindow
from tests.support.publishing import Sent, delete_before, publish
from tests.support.stored import records, stored, succeed
from tests.support.streams import known_of, left_of, oracle_rows
from tests.support.superuser import client_options

Ran = CompletedProcess[str]
Rows = dict[str, dict]  # as `stored` returns them
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
_AVERAGES = Averages(
    watermark_delay_ms=MINUTE,
    allowed_lateness_ms=HOUR,
    max_ahead_ms=HOUR,
    averages=(
        Average("hour", DurationWindow(HOUR), every_ms=HOUR),
        Average("last_5", CountWindow(5), every_ms=10 * MINUTE),
        Average("half_day", DurationWindow(12 * HOUR), every_ms=6 * HOUR),
    ),
)


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
    return Sent(json.dumps(fields).encode(), event_time_ms, key=f"{customer}/{metric}", partition=partition)


def heartbeat(time_ms, partition):
    return Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition)


def expected_of(events):
    return {average.name: oracle_rows(events, average) for average in _AVERAGES.averages}


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


@dataclass(frozen=True)
class Changed:
    """A job that is started, stopped and upgraded; rows are those of the table, `events` all that were published."""

    events: list[tuple]
    savepoint_without_job: Ran
    stop_without_job: str
    first_start: str
    second_start: str
    fresh_start: Ran
    savepoint: str
    stop: str
    rows_when_stopped: Rows
    start_with_another_window: Ran
    start_with_another_average: Ran
    restart: str
    rows_after_restart: Rows
    dry_upgrade: str
    upgrade: str
    rows_after_upgrade: Rows
    status: dict
    published_averages: list[dict]


def change_a_job(place, yaml: Callable[[str], None]) -> Changed:
    """Start, stop, refuse, restart and upgrade, while events come."""
    seen = {}
    yaml(YAML)
    place.environ["SMA_PUBLISH_AVERAGES"] = "false"
    seen["savepoint_without_job"] = place.sma("stream", "savepoint")
    seen["stop_without_job"] = succeed(place.sma("stream", "stop"))
    seen["first_start"] = succeed(place.sma("stream", "start"))
    seen["second_start"] = succeed(place.sma("stream", "start"))
    seen["fresh_start"] = place.sma("stream", "start", "--fresh")

    first = make_events(1, 1_500)
    publish(place.settings, [as_record(event) for event in first])
    succeed(place.sma("wait", "--timeout", "120"))
    seen["savepoint"] = succeed(place.sma("stream", "savepoint"))
    seen["stop"] = succeed(place.sma("stream", "stop"))
    seen["rows_when_stopped"] = stored(place, "streaming_averages")

    yaml(YAML.replace("5 events", "6 events"))
    seen["start_with_another_window"] = place.sma("stream", "start")
    yaml(YAML + HALF_DAY)
    seen["start_with_another_average"] = place.sma("stream", "start")
    yaml(YAML)
    seen["restart"] = succeed(place.sma("stream", "start"))
    seen["rows_after_restart"] = stored(place, "streaming_averages")

    # an average more, another parallelism and another state backend, while events come
    yaml(YAML + HALF_DAY)
    seen["dry_upgrade"] = succeed(place.sma("stream", "upgrade", "--dry-run"))
    second = make_events(2, 1_500, start_ms=START + 30 * HOUR)
    publish(place.settings, [as_record(event) for event in second])
    place.environ.update(SMA_PARALLELISM="1", SMA_STATE_BACKEND="rocksdb")
    seen["upgrade"] = succeed(place.sma("stream", "upgrade"))
    publish(place.settings, [heartbeat(START + 90 * HOUR, partition) for partition in range(4)])
    succeed(place.sma("wait", "--timeout", "120"))
    seen["rows_after_upgrade"] = stored(place, "streaming_averages")
    seen["status"] = json.loads(succeed(place.sma("stream", "status", "--json")))
    seen["published_averages"] = records(place, place.settings.moving_averages_topic)
    return Changed(events=first + second, **seen)


@dataclass(frozen=True)
class Repaired:
    """A table that is damaged and repaired; digests are of the whole table, with the times of writing."""

    expected: Rows
    rows: Rows
    damaged_rows: int
    digest_when_damaged: str
    dry_replay: dict
    digest_after_dry_replay: str
    rows_after_replay: Rows
    digest_after_replay: str
    second_replay: str
    digest_after_second_replay: str
    replay_of_lost_offsets: Ran
    reprocessing: str
    rows_after_reprocessing: Rows
    known: Rows
    rows_before_replay_of_the_rest: Rows
    replay_of_the_rest: Ran
    rows_after_replay_of_the_rest: Rows
    fresh_start: str
    rows_of_fresh_start: Rows


def repair_a_job(place, yaml: Callable[[str], None], folder: Path) -> Repaired:
    """Damage the table and replay the log; then lose its beginning, replay the rest, and derive from stored rows.

    `known` are the rows whose windows are known from what is left.
    """
    yaml(YAML + HALF_DAY)
    succeed(place.sma("stream", "start"))
    events = make_events(3, 2_000)
    positions = publish(place.settings, [as_record(event) for event in events])
    publish(place.settings, [heartbeat(START + 60 * HOUR, partition) for partition in range(4)])
    succeed(place.sma("wait", "--timeout", "120"))
    seen = {"expected": expected_of(events), "rows": stored(place, "streaming_averages")}

    seen["damaged_rows"] = as_owner(place, "DELETE FROM sma.streaming_averages WHERE metric = 'm1'") + as_owner(
        place, "UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 WHERE metric = 'm2'"
    )
    seen["digest_when_damaged"] = digest(place)
    from_time = ("stream", "replay", "--from-time", "2013-01-01")
    seen["dry_replay"] = json.loads(succeed(place.sma(*from_time, "--dry-run", "--json", timeout=300)))
    seen["digest_after_dry_replay"] = digest(place)
    succeed(place.sma(*from_time))
    seen["rows_after_replay"] = stored(place, "streaming_averages")
    seen["digest_after_replay"] = digest(place)
    offsets = folder / "offsets.json"
    offsets.write_text('{"0": 0, "1": 0, "2": 0, "3": 0}')
    seen["second_replay"] = succeed(place.sma("stream", "replay", "--from-offsets", str(offsets)))
    seen["digest_after_second_replay"] = digest(place)

    # what Kafka no longer holds can come from stored rows only
    firsts = {partition: 100 for partition, _ in positions}
    delete_before(place.settings, firsts)
    seen["replay_of_lost_offsets"] = place.sma("stream", "replay", "--from-offsets", str(offsets))
    as_owner(place, "DELETE FROM sma.streaming_averages WHERE average = 'half_day' AND metric <> 'm3'")
    as_owner(place, "UPDATE sma.streaming_averages SET value_sum = 0 WHERE average = 'half_day' AND metric = 'm3'")
    seen["reprocessing"] = succeed(place.sma("stream", "reprocess", "half_day"))
    seen["rows_after_reprocessing"] = stored(place, "streaming_averages")

    # and what it holds gives the rows that are known, however they are computed
    seen["known"] = known_of(left_of(events, positions, firsts), _AVERAGES)
    as_owner(place, "DELETE FROM sma.streaming_averages WHERE metric <> 'm3'")
    as_owner(place, "UPDATE sma.streaming_averages SET value_sum = 0.5")
    seen["rows_before_replay_of_the_rest"] = stored(place, "streaming_averages")
    seen["replay_of_the_rest"] = place.sma(*from_time)
    succeed(seen["replay_of_the_rest"])
    seen["rows_after_replay_of_the_rest"] = stored(place, "streaming_averages")
    succeed(place.sma("stream", "stop"))
    as_owner(place, "DELETE FROM sma.streaming_averages")
    seen["fresh_start"] = succeed(place.sma("stream", "start", "--fresh"))
    succeed(place.sma("wait", "--timeout", "120"))
    seen["rows_of_fresh_start"] = stored(place, "streaming_averages")
    return Repaired(**seen)


@dataclass(frozen=True)
class Grown:
    """A log that has one partition with events, then two, then one more than before."""

    first: list[tuple]
    appeared: list[tuple]
    added: list[tuple]
    rows_of_one_partition: Rows
    rows_of_two_partitions: Rows
    rows_with_added_partition: Rows
    status_with_added_partition: str
    start_with_another_average: Ran
    upgrade: Ran
    rows_after_upgrade: Rows
    status_after_upgrade: str


def grow_a_log(place, yaml: Callable[[str], None]) -> Grown:
    """Publish to one partition, to a quiet one, and to one that is added; then add an average to the stopped job."""
    yaml(YAML)
    succeed(place.sma("stream", "start"))
    first = make_events(4, 500)
    publish(place.settings, [as_record(event, partition=0) for event in first])
    succeed(place.sma("wait", "--timeout", "120"))
    seen = {"first": first, "rows_of_one_partition": stored(place, "streaming_averages")}

    # a series that appears late, in a partition that was quiet until now
    seen["appeared"] = [("b", "late", START - 400 * HOUR, "1.5"), ("b", "late", START - 399 * HOUR, "2.5")]
    publish(place.settings, [as_record(event, partition=1) for event in seen["appeared"]])
    publish(place.settings, [heartbeat(START + 50 * HOUR, partition) for partition in (0, 1)])
    succeed(place.sma("wait", "--timeout", "120"))
    seen["rows_of_two_partitions"] = stored(place, "streaming_averages")

    admin = AdminClient(client_options(place.settings))
    (future,) = admin.create_partitions([NewPartitions(place.settings.events_topic, 5)]).values()
    future.result(30)
    seen["added"] = make_events(5, 300, customer="c")
    publish(place.settings, [as_record(event, partition=4) for event in seen["added"]])
    publish(place.settings, [heartbeat(START + 50 * HOUR, 4)])
    succeed(place.sma("wait", "--timeout", "180"))
    seen["rows_with_added_partition"] = stored(place, "streaming_averages")
    seen["status_with_added_partition"] = succeed(place.sma("stream", "status"))

    succeed(place.sma("stream", "stop"))
    yaml(YAML + HALF_DAY)
    seen["start_with_another_average"] = place.sma("stream", "start")
    seen["upgrade"] = place.sma("stream", "upgrade")
    succeed(seen["upgrade"])
    succeed(place.sma("wait", "--timeout", "180"))
    seen["rows_after_upgrade"] = stored(place, "streaming_averages")
    seen["status_after_upgrade"] = succeed(place.sma("stream", "status"))
    return Grown(**seen)
