"""Other rules on the same log, and an upgrade while events flow, through the real job and the real batch layer."""

import json
import random
import threading
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import load_averages
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import records, succeed
from tests.support.stream_job import use_averages
from tests.support.touched_days import days_touched

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_357_034_400_000
AHEAD = 90 * MINUTE
RULES = """
watermark_delay: 1 minute
allowed_lateness: {lateness}
max_ahead: {ahead}
averages:
  - {{name: tumbling, window: 10 minutes, every: 10 minutes}}
  - {{name: last_5, window: 5 events, every: 10 minutes}}
"""


def events_of(count, seed, start_ms=START, most_behind_ms=3 * HOUR):
    """Return events of two series, some of them hours behind the others."""
    chooser = random.Random(seed)
    return [
        (
            "a",
            f"m{chooser.randrange(2)}",
            start_ms + index * MINUTE - (chooser.randrange(most_behind_ms) if chooser.random() < 0.3 else 0),
            f"{chooser.randrange(-(10**9), 10**9) / 10**5:.5f}",
        )
        for index in range(count)
    ]


def as_record(event):
    customer, metric, event_time_ms, value = event
    fields = {"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}
    return Sent(json.dumps(fields).encode(), event_time_ms, key=f"{customer}/{metric}")


def heartbeats(time_ms):
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


def in_time(events, allowed_lateness_ms):
    late = oracle.late_by_series(events, allowed_lateness_ms)
    return [event for index, event in enumerate(events) if index not in late]


def rows_of(place, generation):
    """Return {(customer, metric, average, as_of ms): (sum in micro-units, count)} of the streamed rows."""
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        rows = connection.execute(
            "SELECT customer, metric, average, sma.epoch_ms(as_of), sma.micros(value_sum), event_count "
            "FROM sma.streaming_averages WHERE generation = %s",
            (generation,),
        ).fetchall()
    return {(*key, as_of): (int(micros), count) for *key, as_of, micros, count in rows}


def expected_of(events, **more):
    rows = more | {
        "tumbling": oracle.duration_windows(events, 10 * MINUTE, 10 * MINUTE),
        "last_5": oracle.count_windows(events, 5, 10 * MINUTE),
    }
    return {
        (customer, metric, average, as_of): pair
        for average, of_average in rows.items()
        for (customer, metric, as_of), pair in of_average.items()
    }


def reconcile_all(place, run_id):
    averages = load_averages(Path(place.environ["SMA_AVERAGES"]))
    days = days_touched(place.settings, averages, print)
    compute_batch_days(place.settings, averages, days, run_id, print)
    return reconcile_days(place.settings, averages, days, run_id, print)


@pytest.fixture
def operated(place, slots, averages_file):
    yield place, averages_file
    place.sma("stream", "stop")


def test_nothing_of_the_former_rules_counts_after_a_fresh_start_by_others(operated):
    place, averages_file = operated
    use_averages(place, averages_file, RULES.format(lateness="1 hour", ahead="1 hour"))
    succeed(place.sma("stream", "start"))
    #  the last event has windows of its own, and only by the first rules
    events = [*events_of(400, seed=1), ("a", "m5", START + 2 * HOUR, "1"), ("a", "m5", START + 90 * MINUTE, "2")]
    ahead = as_record(("a", "m9", int(time.time() * 1_000) + AHEAD, "1"))  # of Kafka's clock; its window does not close
    publish(place.settings, [*map(as_record, events), *heartbeats(START + 30 * HOUR), ahead])
    succeed(place.sma("wait", "--timeout", "120"))
    assert rows_of(place, 1) == expected_of(in_time(events, HOUR))
    first = reconcile_all(place, "run-1")
    assert (first.unexplained, first.unaccounted, sum(each.rejected_events for each in first.accounts)) == (0, 0, 1)

    succeed(place.sma("stream", "stop"))
    use_averages(place, averages_file, RULES.format(lateness="5 minutes", ahead="1 day"))
    succeed(place.sma("stream", "start", "--fresh"))
    succeed(place.sma("wait", "--timeout", "120"))
    assert rows_of(place, 2) == expected_of(in_time(events, 5 * MINUTE))
    assert rows_of(place, 1), "windows that only the former rules have"
    second = reconcile_all(place, "run-2")
    assert (second.unexplained, second.unaccounted, sum(each.rejected_events for each in second.accounts)) == (0, 0, 0)
    assert sum(each.late_events for each in second.accounts) > sum(each.late_events for each in first.accounts)


@pytest.mark.nightly
def test_subscribers_are_told_once_across_an_upgrade_while_events_flow(operated):
    place, averages_file = operated
    yaml = RULES.format(lateness="1 hour", ahead="1 day")
    use_averages(place, averages_file, yaml)
    succeed(place.sma("stream", "start"))
    events = events_of(6_000, seed=2)
    is_upgraded = threading.Event()

    def keep_publishing(rest):
        while rest and not is_upgraded.is_set():
            publish(place.settings, [as_record(event) for event in rest[:40]])
            rest = rest[40:]
            is_upgraded.wait(0.2)
        publish(place.settings, [as_record(event) for event in rest])

    publisher = threading.Thread(target=keep_publishing, args=(events,))
    publisher.start()
    try:
        use_averages(place, averages_file, yaml + "  - {name: hour, window: 1 hour, every: 10 minutes}\n")
        succeed(place.sma("stream", "upgrade"))
    finally:
        is_upgraded.set()
        publisher.join()
    publish(place.settings, heartbeats(START + 30 * 24 * HOUR))
    succeed(place.sma("wait", "--timeout", "120"))

    used = in_time(events, HOUR)
    assert rows_of(place, 1) == expected_of(used, hour=oracle.duration_windows(used, HOUR, 10 * MINUTE))
    told = records(place, place.settings.moving_averages_topic)
    versions = Counter(
        (each["customer"], each["metric"], each["average"], each["as_of"], each["newest_offset"]) for each in told
    )
    assert [version for version, times in versions.items() if times > 1] == []
    newest = {}
    for each in told:
        if each["average"] != "hour":
            key = (each["customer"], each["metric"], each["average"], each["as_of"])
            newest[key] = (int(each["value_sum"].replace(".", "")), each["event_count"])
    assert newest == expected_of(used)
    late = [(each["partition"], each["kafka_offset"]) for each in records(place, place.settings.late_events_topic)]
    assert len(late) == len(set(late)) == len(oracle.late_by_series(events, HOUR))
    reconciled = reconcile_all(place, "run")
    assert (reconciled.unexplained, reconciled.unaccounted) == (0, 0)
