"""One value on the real services, explained at each step of its day, from the stream to its correction and damage.

`trace_a_day` performs the steps, and returns what was said at each; whether it is right, the tests decide.
"""

import json
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from batch.explain.explanation import Explanation
from batch.explain.trace import explain
from batch.explain.wording import sentence
from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import load_averages
from sma.days import day_start_ms
from sma.instants import format_instant, instant
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed
from tests.support.superuser import client_options

DAY = date(2013, 1, 10)
MINUTE = 60_000
NOON = day_start_ms(DAY) + 12 * 60 * MINUTE
LATENESS = 10 * MINUTE
YAML = """
watermark_delay: 1 minute
allowed_lateness: 10 minutes
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
  - {name: last_3, window: 3 events, every: 15 minutes}
"""
NAMES = ("hour", "last_3")
# minutes after 11 o'clock, in the order of the log; 45 and 5 come too late
IN_ORDER = [(10, "1.5"), (25, "2.25"), (40, "-3"), (56, "0.000001"), (45, "100"), (5, "7"), (130, "9")]
CORRECTION = (58, "1000")  # comes late, once everything is reconciled
# grid points that are looked at once the day is reconciled, in minutes from noon
OTHERS = [("last_3", -30), ("last_3", 60), ("hour", 60), ("hour", 15 * 60)]


def event(minute, value, customer="AA"):
    time_ms = NOON - 60 * MINUTE + minute * MINUTE
    fields = {"customer": customer, "metric": "delay", "event_time": time_ms, "value": value}
    return (customer, "delay", time_ms, value), Sent(json.dumps(fields).encode(), time_ms, key=f"{customer}/delay")


LOG = [event(*each)[0] for each in IN_ORDER]
CORRECTED_LOG = [*LOG, event(*CORRECTION)[0]]


def expected(log, name, *, late):
    """What the oracle says of AA at noon: with the late events, or without."""
    places = oracle.late_by_series(log, LATENESS)
    counted = [each for place, each in enumerate(log) if late or place not in places]
    answers = (
        oracle.duration_windows(counted, 60 * MINUTE, 15 * MINUTE)
        if name == "hour"
        else oracle.count_windows(counted, 3, 15 * MINUTE)
    )
    return answers.get(("AA", "delay", NOON))


@dataclass(frozen=True)
class Traced:
    """What was said at each step, of AA's values at noon where nothing else is named.

    `positions` are (partition, Kafka offset) of each record of IN_ORDER.
    """

    dagster_url: str
    positions: list[tuple[int, int]]
    unindexed: dict[str, Explanation]
    computed: Explanation
    final: dict[str, Explanation]
    others: dict[tuple[str, int], Explanation]
    final_document: dict
    final_listed: str
    outdated: Explanation
    recomputed: Explanation
    corrected: Explanation
    damaged: Explanation
    damaged_command: subprocess.CompletedProcess[str]
    broken: Explanation
    extra: Explanation
    gone: Explanation
    gone_shown: str


class _Project:
    """A place with the job running, and what is done in it."""

    def __init__(self, place):
        self.place = place
        self.averages = load_averages(Path(place.environ["SMA_AVERAGES"]))

    def publish(self, events):
        heartbeats = [Sent(b'{"heartbeat": %d}' % (NOON + 3 * 60 * MINUTE), NOON, partition=each) for each in range(4)]
        positions = publish(self.place.settings, [*(sent for _, sent in events), *heartbeats])
        succeed(self.place.sma("wait", "--timeout", "120"))
        return positions[: len(events)]

    def compute(self, run_id):
        compute_batch_days(self.place.settings, self.averages, [DAY], run_id, print)

    def reconcile(self, run_id):
        reconcile_days(self.place.settings, self.averages, [DAY], run_id, print)

    def explain(self, name, as_of_ms=NOON):
        explained = explain(self.place.settings, self.averages, "AA", "delay", name, as_of_ms, print)
        print(sentence(explained))
        return explained

    def command(self, as_of, *options):
        return self.place.sma("explain", "AA", "delay", "hour", as_of, *options)

    def execute(self, statement, *values):
        with psycopg.connect(self.place.settings.owner_database_url.get_secret_value()) as connection:
            connection.execute(statement, values)

    def delete_records(self, partition, before):
        client = AdminClient(client_options(self.place.settings))
        for future in client.delete_records(
            [TopicPartition(self.place.settings.events_topic, partition, before)]
        ).values():
            future.result(15)


def trace_a_day(place) -> Traced:
    """Let the value be streamed, computed, reconciled, corrected and damaged, in a place whose job runs with YAML."""
    project = _Project(place)
    said = {"dagster_url": place.settings.dagster_url}
    positions = said["positions"] = project.publish([event(*each) for each in IN_ORDER])
    # nothing is indexed yet: all of the log is its tail
    said["unindexed"] = {name: project.explain(name) for name in NAMES}
    project.compute("run-1")
    said["computed"] = project.explain("hour")
    project.reconcile("run-1")
    said["final"] = {name: project.explain(name) for name in NAMES}
    said["others"] = {(name, minutes): project.explain(name, NOON + minutes * MINUTE) for name, minutes in OTHERS}
    said["final_document"] = json.loads(succeed(project.command("2013-01-10T12:00", "--json")))
    said["final_listed"] = succeed(project.command("2013-01-10 13:00+01:00", "--events", "1"))

    # an event comes late after all that
    project.publish([event(*CORRECTION)])
    said["outdated"] = project.explain("hour")
    project.compute("run-2")
    said["recomputed"] = project.explain("hour")
    project.reconcile("run-2")
    said["corrected"] = project.explain("hour")

    # damage of every kind
    here = "WHERE customer = 'AA' AND average = %s AND as_of = %s"
    project.execute(f"UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 {here}", "hour", instant(NOON))
    said["damaged"] = project.explain("hour")
    said["damaged_command"] = project.command("2013-01-10T12:00")
    project.execute(f"DELETE FROM sma.streaming_averages {here}", "last_3", instant(NOON))
    project.execute(f"UPDATE sma.batch_averages SET event_count = event_count + 1 {here}", "last_3", instant(NOON))
    said["broken"] = project.explain("last_3")
    project.execute(
        "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
        "VALUES ('AA', 'delay', 'hour', %s, 1, 1)",
        instant(NOON + 60 * MINUTE),
    )
    said["extra"] = project.explain("hour", NOON + 60 * MINUTE)

    # Kafka drops the first two events
    project.delete_records(positions[0][0], before=positions[2][1])
    said["gone"] = project.explain("hour")
    said["gone_shown"] = succeed(project.command(format_instant(NOON)))
    return Traced(**said)
