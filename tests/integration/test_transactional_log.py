"""The running system behind transactional producers: nothing waits for what no consumer is given.

The log has committed and aborted transactions, more records in the last aborted one than an upgrade leaves to be read,
and for a while an open one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from clients.kafka.offsets import ends
from monitoring.exporter.kafka_lag import KafkaLag
from monitoring.exporter.transactions import OpenTransactionAges
from sma.averages import load_averages
from streaming.control.upgrade import CAUGHT_UP_RECORDS
from tests.support.metrics import Clock, samples
from tests.support.publishing import Sent
from tests.support.stored import records, stored, succeed
from tests.support.stream_job import running_job, use_averages
from tests.support.stream_operations import HALF_DAY, HOUR, START, YAML, as_record, expected_of, heartbeat, make_events
from tests.support.touched_days import days_touched
from tests.support.transactions import aborted, await_markers, committed, open_transaction, transactional

pytestmark = pytest.mark.nightly("behind transactional producers")

Ran = CompletedProcess[str]
TOMBSTONES = 3


@dataclass(frozen=True)
class Observed:
    """What was seen behind committed and aborted transactions, an open one, and once that was committed.

    `events` are those of committed transactions, in the order of their series; `marked_ends` the ends of the log, with
    markers; `held_back` the partition and the offset of the open transaction's first record.
    """

    events: list[tuple]
    marked_ends: dict[int, int]
    held_back: tuple[int, int]
    wait: Ran
    status: dict
    lag: dict
    open_wait: Ran
    open_status: dict
    open_words: str
    open_lag: dict
    open_ages: dict
    open_replay: Ran
    closed_wait: Ran
    closed_ages: dict
    upgrade: Ran
    upgraded_wait: Ran
    streamed: dict
    rejected: list[dict]
    computed: dict
    reconciled: Reconciled


@pytest.fixture(scope="module")
def seen(open_place, slots, tmp_path_factory) -> Observed:
    """The observations of one job."""
    averages_file = tmp_path_factory.mktemp("transactions") / "averages.yaml"
    with open_place() as place, running_job(place, averages_file, YAML):
        return observe(place, averages_file)


def observe(place, averages_file: Path) -> Observed:
    settings = place.settings.model_copy(
        update={"averages": averages_file, "reconcile_timeout": "30 seconds", "state_dir": averages_file.parent}
    )
    topic = settings.events_topic
    found = {}
    one, two = transactional(settings, "one"), transactional(settings, "two", **{"compression.type": "zstd"})
    first = make_events(1, 600)
    committed(one, settings, topic, [as_record(event) for event in first])
    tombstones = [Sent(None, START, key="a/m0", partition=0)] * TOMBSTONES
    committed(two, settings, topic, [*tombstones, *(heartbeat(START + 90 * HOUR, partition) for partition in range(4))])
    invented = [(customer, metric, time_ms, "1") for customer, metric, time_ms, _ in make_events(3, 30_000)]
    aborted(two, settings, topic, [as_record(event) for event in invented])
    found["marked_ends"] = ends(settings, topic)
    found["wait"] = place.sma("wait", "--timeout", "90")
    found["status"] = json.loads(succeed(place.sma("stream", "status", "--json")))
    clock = Clock()
    lag, ages = KafkaLag(settings, clock), OpenTransactionAges(settings, clock)
    found["lag"] = samples(lag.look())

    second = make_events(2, 300, start_ms=START + 91 * HOUR, customer="b")
    found["held_back"] = open_transaction(one, topic, [as_record(event) for event in second])[0]
    found["open_wait"] = place.sma("wait", "--timeout", "5")
    found["open_status"] = json.loads(succeed(place.sma("stream", "status", "--json")))
    found["open_words"] = succeed(place.sma("stream", "status"))
    ages.look()
    clock.now += 400
    found["open_lag"] = samples(lag.look())
    found["open_ages"] = samples(ages.look())
    found["open_replay"] = place.sma(
        "stream", "replay", "--from-time", "2013-01-01T00:00:00Z", "--dry-run", timeout=120
    )
    one.commit_transaction(30)
    await_markers(settings, topic)
    found["closed_wait"] = place.sma("wait", "--timeout", "60")
    found["closed_ages"] = samples(ages.look())

    aborted(two, settings, topic, [as_record(event) for event in invented])
    use_averages(place, averages_file, YAML + HALF_DAY)
    found["upgrade"] = place.sma("stream", "upgrade", timeout=180)
    close = [heartbeat(START + 200 * HOUR, partition) for partition in range(4)]
    committed(one, settings, topic, close)
    found["upgraded_wait"] = place.sma("wait", "--timeout", "60")
    found["streamed"] = stored(place, "streaming_averages")
    found["rejected"] = records(place, settings.rejected_events_topic)

    averages = load_averages(averages_file)
    days = days_touched(settings, averages, print)
    compute_batch_days(settings, averages, days, "run", print)
    found["computed"] = stored(place, "batch_averages")
    found["reconciled"] = reconcile_days(settings, averages, days, "run", print)
    return Observed(events=first + second, **found)


def lags(found: dict) -> set[float]:
    return {value for (name, *_), value in found.items() if name == "sma_consumer_lag_events"}


def test_the_log_ends_in_more_aborted_records_than_an_upgrade_leaves(seen):
    assert sum(seen.marked_ends.values()) > len(seen.events) + CAUGHT_UP_RECORDS


def test_wait_returns_behind_markers_and_aborted_transactions(seen):
    assert seen.wait.returncode == 0, seen.wait.stderr


def test_a_stream_that_has_read_every_readable_record_lags_by_none(seen):
    assert (seen.status["lag"], seen.status["open_transactions"]) == (0, [])
    assert seen.status["log_end"] == {str(partition): end for partition, end in seen.marked_ends.items()}
    assert lags(seen.lag) == {0}


def test_wait_names_the_open_transaction_that_it_waits_for(seen):
    partition, offset = seen.held_back
    (its,) = (each for each in seen.open_status["open_transactions"] if each["partition"] == partition)
    named = f"partition {partition} waits for an open transaction of producer id {its['producer_id']}, open for "
    assert seen.open_wait.returncode == 1
    progress, *_, error = seen.open_wait.stderr.splitlines()
    assert named in progress
    assert error.startswith("sma: the stream is still 0 records behind after 5 s; ")
    assert named in error
    assert f"--topic {its['topic']} --partition " in error
    assert its["start_offset"] == offset


def test_status_names_it_and_counts_no_record_that_cannot_be_read(seen):
    assert seen.open_status["lag"] == 0
    assert "waits for an open transaction of producer id" in seen.open_words
    assert "kafka-transactions.sh abort --topic" in seen.open_words


def test_the_exporter_tells_its_age_and_no_lag(seen):
    key = "sma_open_transaction_age_seconds", seen.open_status["open_transactions"][0]["topic"], str(seen.held_back[0])
    assert seen.open_ages[key] >= 400
    assert seen.closed_ages[key] == 0
    assert lags(seen.open_lag) == {0}


def test_a_replay_ends_before_an_open_transaction(seen):
    assert seen.open_replay.returncode == 0, seen.open_replay.stderr


def test_wait_returns_once_the_transaction_is_committed(seen):
    assert seen.closed_wait.returncode == 0, seen.closed_wait.stderr


def test_an_upgrade_that_reads_the_log_ends_behind_an_aborted_transaction(seen):
    assert seen.upgrade.returncode == 0, seen.upgrade.stderr
    assert seen.upgraded_wait.returncode == 0, seen.upgraded_wait.stderr


def test_both_layers_have_the_windows_of_the_committed_events_and_of_no_other(seen):
    expected = expected_of(seen.events)
    assert seen.streamed == expected
    assert seen.computed == expected


def test_tombstones_are_rejected(seen):
    assert [record["reason"] for record in seen.rejected] == ["not UTF-8 JSON"] * TOMBSTONES


def test_the_layers_are_reconciled_up_to_a_marker_and_account_for_every_record(seen):
    assert (seen.reconciled.unexplained, seen.reconciled.unaccounted) == (0, 0)
    summaries = [day.summary for day in seen.reconciled.days]
    assert [each.equal for each in summaries] == [each.windows_compared for each in summaries]
    assert sum(each.equal for each in summaries) == sum(len(rows) for rows in seen.streamed.values())
