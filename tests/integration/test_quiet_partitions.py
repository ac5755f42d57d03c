"""Empty and quiet partitions, through the real job and the real batch layer: both layers stay equal to the oracle.

partition 0   a: days 1 to 3, then a heartbeat      closed and reconciled while the others are empty
partition 1            b: day 1, until noon         older than what is closed: only its own windows are open
partition 1                       a heartbeat       they are closed now
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from batch.pipeline import Computed, Reconciled, compute_batch_days, reconcile_days
from batch.schedule.stale_days import MORE_IN_THE_LOG, MORE_IS_CLOSED, NO_RESULT, StaleDay, stale_days
from batch.store.read_only import read_only_session
from sma.averages import load_averages, parse_averages
from sma.durations import DAY_MS, HOUR_MS
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import running_job
from tests.support.streams import oracle_rows
from tests.support.touched_days import days_touched

START = 1_356_998_400_000  # 2013-01-01
YAML = """
watermark_delay: 1 hour
allowed_lateness: 1 hour
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
  - {name: day, window: 24 hours, every: 1 hour}
  - {name: last_3, window: 3 events, every: 1 hour}
"""


@dataclass(frozen=True)
class Step:
    """What a reconciliation of the stale days found, and the rows of both layers after it."""

    stale: list[StaleDay]
    computed: Computed
    reconciled: Reconciled
    streamed: dict
    batch: dict

    @property
    def reasons(self):
        return {reason for each in self.stale for reason in each.reasons}


def events_of(customer, count, every_ms):
    return [(customer, "m", START + number * every_ms, str(number % 7)) for number in range(count)]


A, B = events_of("a", 3 * 24 * 4, HOUR_MS // 4), events_of("b", 24, HOUR_MS // 2)


def send(place, partition, events=(), heartbeat_ms=None):
    names = ("customer", "metric", "event_time", "value")
    sent = [
        Sent(json.dumps(dict(zip(names, event, strict=True))).encode(), event[2], partition=partition)
        for event in events
    ]
    if heartbeat_ms is not None:
        sent.append(Sent(b'{"heartbeat": %d}' % heartbeat_ms, heartbeat_ms, partition=partition))
    publish(place.settings, sent)
    succeed(place.sma("wait", "--timeout", "120"))


def reconcile_what_is_stale(place, run_id):
    averages = load_averages(Path(place.environ["SMA_AVERAGES"]))
    days_touched(place.settings, averages, print)
    with read_only_session(place.settings) as connection:
        stale = stale_days(connection, averages)
    days = [each.day for each in stale]
    computed = compute_batch_days(place.settings, averages, days, run_id, print)
    reconciled = reconcile_days(place.settings, averages, days, run_id, print)
    return Step(stale, computed, reconciled, stored(place, "streaming_averages"), stored(place, "batch_averages"))


@pytest.fixture(scope="module")
def steps(open_place, tmp_path_factory):
    averages_file = tmp_path_factory.mktemp("quiet") / "averages.yaml"
    with open_place() as place, running_job(place, averages_file, YAML):
        send(place, 0, A, START + 5 * DAY_MS)
        first = reconcile_what_is_stale(place, "run-1")
        send(place, 1, B)
        second = reconcile_what_is_stale(place, "run-2")
        again = reconcile_what_is_stale(place, "run-3")
        send(place, 1, heartbeat_ms=START + 5 * DAY_MS)
        third = reconcile_what_is_stale(place, "run-4")
        return {"empty": first, "older events": second, "again": again, "heartbeat": third}


def rows_of(customer, rows):
    return {name: {key: pair for key, pair in of.items() if key[0] == customer} for name, of in rows.items()}


def expected(*events):
    every_event = [one for some in events for one in some]
    return {each.name: dict(oracle_rows(every_event, each)) for each in parse_averages(YAML, "averages.yaml").averages}


def test_days_are_final_while_the_other_partitions_are_empty(steps):
    step = steps["empty"]
    assert step.reasons == {NO_RESULT}
    assert step.batch == step.streamed == expected(A)


def test_older_events_of_a_partition_that_was_empty_make_their_days_stale(steps):
    step = steps["older events"]
    assert step.reasons == {MORE_IN_THE_LOG}
    assert {str(each.day) for each in step.stale} == {"2013-01-01", "2013-01-02"}


def test_of_such_a_partition_both_layers_have_the_rows_that_its_own_watermark_has_closed(steps):
    step = steps["older events"]
    closed_ms = B[-1][2] - HOUR_MS + 1
    of_b = {
        name: {key: pair for key, pair in rows.items() if key[2] <= closed_ms} for name, rows in expected(B).items()
    }
    assert all(of_b.values())
    assert rows_of("b", step.batch) == rows_of("b", step.streamed) == of_b
    assert rows_of("a", step.batch) == expected(A)


def test_days_whose_open_windows_stay_open_are_not_stale_again(steps):
    assert steps["again"].stale == []


def test_the_days_are_stale_again_once_the_partition_has_closed_more(steps):
    step = steps["heartbeat"]
    assert step.reasons == {MORE_IS_CLOSED}
    assert step.batch == step.streamed == expected(A, B)


def test_nothing_is_unexplained_and_no_record_unaccounted_for(steps):
    for name, step in steps.items():
        assert (step.reconciled.unexplained, step.reconciled.unaccounted) == (0, 0), name
        assert step.computed.unexplained_corrections == 0, name
