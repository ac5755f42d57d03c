"""Series in two partitions, through the real job and the real batch layer: what is right, what is said, what is final.

Two producers with two partitioners write the same series; then partitions are added, and more series move.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from sma.averages import load_averages
from sma.instants import format_instant
from tests.support import oracle
from tests.support.both_layers import as_record
from tests.support.partitioners import await_partitions, send_with
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import running_job
from tests.support.superuser import client_options
from tests.support.touched_days import days_touched

pytestmark = pytest.mark.nightly("series in two partitions")

START = 1_357_034_400_000
MINUTE = 60_000
DAY = 86_400_000
YAML = """
watermark_delay: 1 minute
allowed_lateness: 1 hour
averages:
  - {name: quarter, window: 15 minutes, every: 5 minutes}
  - {name: last_5, window: 5 events, every: 5 minutes}
"""
METRICS = tuple(f"m{number}" for number in range(10))
OF_BOTH_PRODUCERS = METRICS[:5]


@dataclass(frozen=True)
class TwoPartitions:
    """What both layers made of a log, part of whose series are in two partitions.

    `by_partition` is what was published, by partition and in its order; `split` are the metrics in two partitions, and
    `moved` those of them that the added partitions took.
    """

    by_partition: dict[int, list[tuple]]
    split: set[str]
    moved: set[str]
    streamed: dict
    computed: dict
    reconciled: Reconciled
    served: list[tuple[str, bool]]
    unsettled: dict[str, str]
    after_a_loss: Reconciled
    explanation: str

    @property
    def events(self) -> list[tuple]:
        """All events, in the order by which ties are broken: partition, Kafka offset."""
        return [event for _, events in sorted(self.by_partition.items()) for event in events]


def events_from(first_minute, minutes):
    """An event each minute of each series, no two of a series at one time."""
    return [
        ("acme", metric, START + minute * MINUTE + place, f"{(minute * 7 + place * 13) % 101}.5")
        for minute in range(first_minute, first_minute + minutes)
        for place, metric in enumerate(METRICS)
    ]


def run(place, averages_file: Path) -> TwoPartitions:
    """Publish with one partitioner, with another one, and after partitions were added; compute and reconcile."""
    by_partition: dict[int, list[tuple]] = {}
    homes: dict[str, set[int]] = {metric: set() for metric in METRICS}

    def send(partitioner, events):
        where = send_with(place.settings, partitioner, [as_record(event) for event in events])
        for event in events:
            partition = where[f"{event[0]}/{event[1]}"]
            by_partition.setdefault(partition, []).append(event)
            homes[event[1]].add(partition)

    def in_two():
        return {metric for metric, partitions in homes.items() if len(partitions) > 1}

    send("murmur2_random", events_from(0, 40))
    send("consistent_random", [event for event in events_from(40, 2) if event[1] in OF_BOTH_PRODUCERS])
    send("murmur2_random", [event for event in events_from(40, 2) if event[1] not in OF_BOTH_PRODUCERS])
    send("murmur2_random", events_from(42, 20))
    before = in_two()
    succeed(place.sma("wait", "--timeout", "120"))
    admin = AdminClient(client_options(place.settings))
    (future,) = admin.create_partitions([NewPartitions(place.settings.events_topic, 8)]).values()
    future.result(30)
    await_partitions(place.settings, 8)
    send("murmur2_random", events_from(62, 40))
    at = START + 2 * DAY
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % at, at, partition=number) for number in range(8)])
    succeed(place.sma("wait", "--timeout", "180"))

    averages = load_averages(averages_file)
    days = days_touched(place.settings, averages, print)
    compute_batch_days(place.settings, averages, days, "run-1", print)
    reconciled = reconcile_days(place.settings, averages, days, "run-1", print)
    seen = {"streamed": stored(place, "streaming_averages"), "computed": stored(place, "batch_averages")}
    (at_ms, metric) = next(
        (key[2], key[1])
        for key, pair in sorted(seen["computed"]["quarter"].items())
        if seen["streamed"]["quarter"].get(key) != pair
    )
    seen["explanation"] = succeed(place.sma("explain", "acme", metric, "quarter", format_instant(at_ms)))
    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        seen["served"] = connection.execute("SELECT metric, is_final FROM serving.moving_averages").fetchall()
        seen["unsettled"] = dict(connection.execute("SELECT metric, reason FROM serving.unsettled").fetchall())
        connection.execute(
            "UPDATE sma.streaming_averages SET event_count = event_count + 1 WHERE metric = %s", (min(in_two()),)
        )
    return TwoPartitions(
        by_partition=by_partition,
        split=in_two(),
        moved=in_two() - before,
        **seen,
        reconciled=reconciled,
        after_a_loss=reconcile_days(place.settings, averages, days, "run-2", print),
    )


@pytest.fixture(scope="module")
def ran(open_place, slots, tmp_path_factory):
    averages_file = tmp_path_factory.mktemp("two_partitions") / "averages.yaml"
    with open_place() as place, running_job(place, averages_file, YAML):
        return run(place, averages_file)


def test_both_partitioners_and_the_added_partitions_split_series_but_not_all(ran):
    assert len(ran.split - ran.moved) > 0
    assert ran.moved
    assert ran.split < set(METRICS)


def test_the_batch_layer_has_the_windows_of_all_partitions(ran):
    assert ran.computed == {
        "quarter": oracle.duration_windows(ran.events, 15 * MINUTE, 5 * MINUTE),
        "last_5": oracle.count_windows(ran.events, 5, 5 * MINUTE),
    }


def test_the_stream_has_wrong_rows_of_these_series_and_right_ones_of_all_others(ran):
    wrong = {
        key[1]
        for average, rows in ran.computed.items()
        for key, pair in rows.items()
        if ran.streamed[average].get(key) != pair
    }
    assert wrong
    assert wrong <= ran.split


def test_each_difference_is_explained_by_the_two_partitions(ran):
    summaries = [day.summary for day in ran.reconciled.days]
    differing = sum(each.changed + each.missing_in_stream + each.extra_in_stream for each in summaries)
    assert differing > 0
    assert sum(each.unexplained for each in summaries) == 0
    assert sum(each.of_one_partition for each in summaries) == differing


def test_what_neither_partition_makes_is_a_loss_nevertheless(ran):
    rows = sum(key[1] == min(ran.split) for rows in ran.streamed.values() for key in rows)
    assert ran.after_a_loss.unexplained == rows


def test_rows_of_series_in_two_partitions_are_not_final_with_the_reason_and_others_are(ran):
    final = {metric: {is_final for name, is_final in ran.served if name == metric} for metric in METRICS}
    assert {metric for metric, states in final.items() if states == {False}} == ran.split
    assert {metric for metric, states in final.items() if states == {True}} == set(METRICS) - ran.split
    assert ran.unsettled == dict.fromkeys(ran.split, "two_partitions")


def test_a_difference_is_traced_to_the_partition_whose_window_the_stream_has(ran):
    words = " ".join(ran.explanation.split())
    assert re.search(r"in partition \d alone; the series is in the partitions \d, \d", words)
    assert "the series has events in more than one partition" in words
