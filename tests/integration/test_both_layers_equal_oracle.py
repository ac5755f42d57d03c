"""Generated streams through the real Flink job and the real batch layer, against the oracle, on one log."""

import hashlib
from decimal import Decimal

import pytest

from tests.support import oracle
from tests.support.both_layers import POISON, YAML, expected_of, in_base64, run_both_layers
from tests.support.kafka_batches import CODECS
from tests.support.stream_job import running_job

EXCERPT_BYTES = 4_096


@pytest.fixture(scope="module")
def ran(open_place, tmp_path_factory):
    """What came out of both layers."""
    averages_file = tmp_path_factory.mktemp("both_layers") / "averages.yaml"
    with open_place() as place, running_job(place, averages_file, YAML):
        return run_both_layers(place)


@pytest.fixture(scope="module")
def expected_streamed(ran):
    """The oracle's windows of what came in time."""
    return expected_of(ran.in_time)


@pytest.fixture(scope="module")
def expected_computed(ran):
    """The oracle's windows of every event."""
    return expected_of(list(ran.events.values()))


def position_of(record):
    return record["partition"], record["kafka_offset"]


def test_the_log_has_poison_and_late_events_and_others(ran):
    assert len(ran.poison) == len(POISON)
    assert len(ran.poison) / len(ran.events) > 0.005
    assert 0.05 < len(ran.late) / len(ran.events) < 0.95


def test_the_log_has_batches_of_every_codec_and_snappy_with_and_without_javas_framing(ran):
    assert ran.encodings == {(codec, False) for codec in range(5)} | {(CODECS["snappy-java"], True)}


def test_the_job_resumes_in_the_middle_of_the_log(ran):
    assert "resumes from" in ran.restarted


def test_the_stream_has_the_windows_of_what_came_in_time(ran, expected_streamed):
    assert ran.streamed == expected_streamed


def test_every_late_event_and_no_other_is_in_the_topic_of_late_events(ran):
    assert {position_of(record) for record in ran.late_records} == ran.late


def test_a_late_event_keeps_its_series_its_time_and_its_value(ran):
    for record in ran.late_records:
        customer, metric, event_time_ms, value = ran.events[position_of(record)]
        assert (record["customer"], record["metric"], record["event_time"]) == (customer, metric, event_time_ms)
        assert int(Decimal(record["value"]).scaleb(6)) == oracle.micros(value)


def test_what_is_no_event_is_in_the_topic_of_rejected_events_with_its_bytes_and_reason(ran):
    rejected = {position_of(record): (record["raw"], record["reason"]) for record in ran.rejected_records}
    reasons = dict(POISON)
    assert rejected == {
        position: (in_base64(raw and raw[:EXCERPT_BYTES]), reasons[raw]) for position, raw in ran.poison.items()
    }


def test_the_length_and_the_digest_tell_all_bytes_of_a_rejected_record(ran):
    for record in ran.rejected_records:
        raw = ran.poison[position_of(record)]
        if raw is not None:
            assert (record["raw_length"], record["raw_sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())


def test_the_job_accounts_for_every_record_once(ran):
    counted = {
        name: sum(account[name] for account in ran.status["accounts"])
        for name in ("events_used", "late_events", "rejected_events", "heartbeats", "residue")
    }
    assert counted == {
        "events_used": len(ran.in_time),
        "late_events": len(ran.late),
        "rejected_events": len(ran.poison),
        "heartbeats": 4,
        "residue": 0,
    }


def test_the_batch_layer_has_the_windows_of_every_event(ran, expected_computed):
    assert ran.computed == expected_computed


def test_no_difference_is_unexplained_and_no_record_unaccounted_for(ran):
    assert (ran.reconciled.unexplained, ran.reconciled.unaccounted) == (0, 0)


def test_as_many_differences_are_explained_as_there_are(ran, expected_streamed, expected_computed):
    batch, stream = expected_computed, expected_streamed
    assert sum(day.summary.explained for day in ran.reconciled.days) == sum(
        batch[name].get(key) != stream[name].get(key)
        for name in batch
        for key in batch[name].keys() | stream[name].keys()
    )


def test_every_planted_damage_is_unexplained_and_every_record_still_accounted_for(ran):
    assert ran.damaged.unexplained == 4
    assert ran.damaged.unaccounted == 0
