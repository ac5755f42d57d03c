"""However often the job is killed, restored and rescaled: one log leaves one table, the oracle's, byte for byte.

Twenty runs of the same log on the real cluster, four at a time. Between the parts of the log a TaskManager is killed,
or the JobManager, or the database, or each job is stopped and goes on with another parallelism; the partitions are
published in another interleaving each time, and half of the runs keep their state in RocksDB.
"""

import os
import random
import signal
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
import pytest

from clients.flink import FlinkRest
from deploy.local.lifecycle.status import status
from sma.averages import load_averages
from sma.errors import SmaError
from streaming.control import lifecycle, progress
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import records, stored

PARTITIONS = 4
START = 1_357_034_400_000
MINUTE = 60_000
ALLOWED_LATENESS = 10 * MINUTE
YAML = """
watermark_delay: 2 minutes
allowed_lateness: 10 minutes
averages:
  - {name: last_3, window: 3 events, every: 1 minute}
  - {name: last_50, window: 50 events, every: 5 minutes}
  - {name: tumbling, window: 1 minute, every: 1 minute}
  - {name: hour, window: 1 hour, every: 1 minute}
"""
POISON = [
    b"poison",
    b'{"customer": "a", "metric": "m"}',
    b'{"customer": "a", "metric": "m", "event_time": 1, "value": "x"}',
]
SLOTS = 8
PARALLELISMS = [(2, 4, 1, 1), (4, 1, 2, 1), (1, 2, 1, 4)]  # of the four runs at a time, one after the other
ROUNDS = 5
METRICS_S = 90  # Flink waits a minute for a TaskManager that was asked for its metrics and died
INCIDENTS = ["flink-taskmanager", "rescale", "flink-jobmanager", "postgres", "rescale"]


def make_log(chooser):
    """Return the records of each partition, and its events with their Kafka offsets: with ties, late ones, poison."""
    log, events = [], []
    for partition in range(PARTITIONS):
        series = [(f"c{partition}", f"m{number}") for number in range(6)]
        now, sent, of_partition = START, [], []
        while len(sent) < 1_500:
            now += chooser.choice([0, 0, 500, 1_000, 20_000])
            fate = chooser.random()
            if fate < 0.01:
                sent.append(Sent(chooser.choice(POISON), now, partition=partition))
            elif fate < 0.02:
                sent.append(Sent(b'{"heartbeat": %d}' % now, now, partition=partition))
            else:
                customer, metric = chooser.choice(series)
                behind = chooser.choice([0, 0, 3_000, 90_000, 5 * MINUTE]) if fate > 0.03 else 15 * MINUTE
                time_ms = now - chooser.randrange(behind + 1) if fate > 0.03 else now - behind
                if chooser.random() < 0.1:
                    time_ms -= time_ms % MINUTE
                value = f"{chooser.randrange(-(10**15), 10**15) / 10**4:.4f}"
                text = (
                    f'{{"customer": "{customer}", "metric": "{metric}", "event_time": {time_ms}, "value": "{value}"}}'
                )
                of_partition.append((len(sent), (customer, metric, time_ms, value)))
                sent.append(Sent(text.encode(), time_ms, partition=partition))
        end = now + 2 * 60 * MINUTE
        sent.append(Sent(b'{"heartbeat": %d}' % end, end, partition=partition))
        log.append(sent)
        events.append(of_partition)
    return log, events


def expected_of(events):
    """Return the table and the places (partition, Kafka offset) of the late events, as the oracle says."""
    in_time, late = [], set()
    for partition, of_partition in enumerate(events):
        places = oracle.late_by_series([event for _, event in of_partition], ALLOWED_LATENESS)
        late |= {(partition, of_partition[place][0]) for place in places}
        in_time += [event for place, (_, event) in enumerate(of_partition) if place not in places]
    table = {
        "last_3": oracle.count_windows(in_time, 3, MINUTE),
        "last_50": oracle.count_windows(in_time, 50, 5 * MINUTE),
        "tumbling": oracle.duration_windows(in_time, MINUTE, MINUTE),
        "hour": oracle.duration_windows(in_time, 60 * MINUTE, MINUTE),
    }
    return table, late


def interleave(parts, chooser):
    """Merge the partitions' records at random, each in its own order."""
    waiting = [list(reversed(part)) for part in parts if part]
    merged = []
    while waiting:
        part = chooser.choice(waiting)
        merged += [part.pop() for _ in range(min(len(part), chooser.randrange(1, 200)))]
        waiting = [part for part in waiting if part]
    return merged


@dataclass
class Run:
    """One run: a place of its own, and how far its log has been published."""

    place: object
    settings: object
    chooser: random.Random
    published: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    killed_since_ms: int = 0  # since when the job had been running when its TaskManager was killed

    def go_on(self, log, share):
        """Publish a part of what is left of each partition."""
        parts = []
        for partition, sent in enumerate(log):
            start = self.published[partition]
            until = len(sent) if share == 1 else start + int((len(sent) - start) * self.chooser.uniform(0, 2 * share))
            parts.append(sent[start:until])
            self.published[partition] = until
        publish(self.settings, interleave(parts, self.chooser))

    def start(self, parallelism):
        self.settings = self.settings.model_copy(update={"parallelism": parallelism})
        lifecycle.start(self.settings, load_averages(self.settings.averages))

    def rescale(self, parallelism):
        self.await_recovery()
        lifecycle.stop(self.settings)
        self.start(parallelism)

    def note_kill(self):
        """Remember since when the job runs, so that its recovery shows; while it recovers from another kill, wait."""
        self.await_recovery()
        rest = FlinkRest(self.settings.flink_url)
        self.killed_since_ms = rest.running_since_ms(lifecycle.find_job(self.settings).job_id)

    def await_recovery(self):
        """Return once the job runs, and not as before the kill."""
        rest = FlinkRest(self.settings.flink_url)

        def has_recovered():
            job = lifecycle.find_job(self.settings)
            return job is not None and job.is_running and rest.running_since_ms(job.job_id) != self.killed_since_ms

        lifecycle.poll(has_recovered, 120, f"{self.settings.job_name} does not recover")

    def is_accounted_for(self):
        return bool(progress.status(self.settings).accounts)

    def digest(self):
        with psycopg.connect(self.settings.database_url.get_secret_value()) as connection:
            return connection.execute(
                "SELECT md5(string_agg(t::text, chr(10) ORDER BY customer, metric, average, as_of)) FROM "
                "(SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.streaming_averages) AS t"
            ).fetchone()[0]


def kill(stack, program):
    parts = status(stack.settings, environ=stack.environ).parts
    os.kill(next(part.pids[program] for part in parts if program in part.pids), signal.SIGKILL)


def await_cluster(stack, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if FlinkRest(stack.settings.flink_url).free_slots() >= SLOTS:
                return
        except SmaError:
            pass
        assert time.monotonic() < deadline, "the cluster does not come back"
        time.sleep(0.3)


def together(runs, act, *arguments):
    """Let every run do the same, at the same time."""
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(act, runs, *arguments))


@pytest.fixture(scope="module")
def log():
    sent, events = make_log(random.Random(20130101))
    table, late = expected_of(events)
    assert len(late) > 50
    return sent, table, late


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(ROUNDS))
def test_every_run_leaves_the_oracles_table_and_late_events(stack, slots, places, averages_file, log, number):
    sent, table, late = log
    averages_file.write_text(YAML)
    chooser = random.Random(number)
    runs = []
    for backend in ("hashmap", "rocksdb", "hashmap", "rocksdb"):
        place = places()
        own = {"averages": averages_file, "state_backend": backend, "checkpoint_interval": "1 second"}
        runs.append(Run(place, place.settings.model_copy(update=own), random.Random(chooser.random())))
    scales = iter(PARALLELISMS)
    try:
        together(runs, Run.start, next(scales))
        for incident in (INCIDENTS[number], INCIDENTS[(number + 1) % len(INCIDENTS)], "flink-taskmanager"):
            together(runs, lambda run: run.go_on(sent, 0.3))
            time.sleep(chooser.uniform(0, 3))
            if incident == "rescale":
                together(runs, Run.rescale, next(scales))
            elif incident == "postgres":  # which the sink waits for
                kill(stack, incident)
            else:
                together(runs, Run.note_kill)
                kill(stack, incident)
            if incident == "flink-jobmanager":  # which knows no job when it comes back
                await_cluster(stack)
                together(runs, Run.start, next(scales))
        together(runs, lambda run: run.go_on(sent, 1))
        together(runs, Run.await_recovery)
        together(runs, lambda run: progress.wait(run.settings, 120))
        for run in runs:
            assert stored(run, "streaming_averages") == table
            found = {(r["partition"], r["kafka_offset"]) for r in records(run, run.settings.late_events_topic)}
            assert found == late
            lifecycle.poll(run.is_accounted_for, METRICS_S, "Flink tells of no account")
            assert progress.status(run.settings).residue == 0
            assert_exactly_once(run, table)
        assert len({run.digest() for run in runs}) == 1
    finally:
        together(runs, lambda run: lifecycle.cancel(run.settings))


def assert_exactly_once(run, table):
    """Of each row, subscribers saw every statement once, and the last one is what the table holds."""
    last, versions = {}, defaultdict(list)
    for record in records(run, run.settings.moving_averages_topic):
        key = record["average"], record["customer"], record["metric"], record["as_of"]
        versions[key].append(record["newest_offset"])
        last[key] = record
    assert all(found == sorted(set(found)) for found in versions.values())
    assert {key: pair_of(record) for key, record in last.items()} == {
        (average, *key): pair for average, rows in table.items() for key, pair in rows.items()
    }


def pair_of(record):
    return oracle.micros(record["value_sum"]), record["event_count"]
