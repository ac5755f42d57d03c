"""Every record of the log is accounted for once, and a fault of any kind shows."""

import json

import polars as pl
import pytest

from batch.accounting import account, misjudged
from batch.diverted import Diverted, positions
from batch.kafka import OffsetRange, Record
from batch.log import POSITIONS_SCHEMA, before, collect, require_whole
from sma.errors import SmaError

EVENT = b'{"customer": "AA", "metric": "delay", "event_time": 5, "value": "1.5"}'
LATE = b'{"customer": "AA", "metric": "delay", "event_time": 2, "value": "1.5"}'
ALLOWED_LATENESS_MS = 2
HEARTBEAT = b'{"heartbeat": 9}'
NEWEST_HEARTBEAT_MS = 9


def read(*values: bytes | None, partition: int = 0):
    records = [Record(partition, offset, -1, value) for offset, value in enumerate(values)]
    return collect([records], {partition: OffsetRange(0, len(values))}, 1_000, lambda _: None)


def at(*offsets: int) -> pl.DataFrame:
    return pl.DataFrame([(0, offset) for offset in offsets], POSITIONS_SCHEMA, orient="row")


def test_records_are_told_apart_and_counted():
    log = read(EVENT, HEARTBEAT, b"rubbish", None)
    (partition,) = log.partitions
    assert (partition.records, partition.events, partition.heartbeats, partition.rejected) == (4, 1, 1, 2)
    assert partition.newest_time_ms == NEWEST_HEARTBEAT_MS
    assert log.events.rows() == [("AA", "delay", 5, 1_500_000, 0, 0)]
    assert log.rejected.rows() == [(0, 2), (0, 3)]


def test_offsets_without_a_record_are_no_loss():
    log = collect([[Record(0, 3, -1, EVENT), Record(0, 7, -1, EVENT)]], {0: OffsetRange(0, 9)}, 1_000, lambda _: None)
    assert log.records == 2
    assert log.read_to == {0: 8}


def test_an_empty_partition_is_read_to_its_start():
    assert collect([], {0: OffsetRange(0, 0)}, 1_000, lambda _: None).read_to == {0: 0}


def test_a_log_whose_beginning_is_gone_is_refused_with_what_is_missing():
    with pytest.raises(SmaError, match="partition 1 no longer retains the Kafka offsets 0 to 41"):
        require_whole("events", {0: OffsetRange(0, 5), 1: OffsetRange(42, 50)})


def test_events_before_some_offsets():
    assert before(read(EVENT, EVENT, EVENT).events, {0: 2})["kafka_offset"].to_list() == [0, 1]


def test_every_record_is_accounted_for():
    log, diverted = read(EVENT, LATE, HEARTBEAT, b"rubbish"), Diverted(late=at(1), rejected=at(3))
    (held,) = account(log, diverted)
    assert (held.records, held.events_used, held.late_events, held.rejected_events, held.heartbeats) == (4, 1, 1, 1, 1)
    assert held.residue == 0
    assert misjudged(log, diverted, ALLOWED_LATENESS_MS).is_empty()


@pytest.mark.parametrize(
    ("late", "rejected", "residue", "disagreement"),
    [
        ([], [], 1, "rejected by the batch layer alone"),
        ([], [0, 3], -1, "rejected by the stream alone"),
        ([2], [3], -1, "late for the stream, no event for the batch layer"),
    ],
)
def test_a_record_that_the_layers_judge_differently_is_a_residue(late, rejected, residue, disagreement):
    log, diverted = read(EVENT, EVENT, HEARTBEAT, b"rubbish"), Diverted(late=at(*late), rejected=at(*rejected))
    assert [held.residue for held in account(log, diverted)] == [residue]
    assert misjudged(log, diverted, ALLOWED_LATENESS_MS)["disagreement"].to_list() == [disagreement]


@pytest.mark.parametrize(
    ("late", "disagreement"),
    [([], (1, "late by the rule, not for the stream")), ([0, 1], (0, "late for the stream, not by the rule"))],
)
def test_an_event_that_only_one_of_the_layers_takes_for_late_is_no_residue_but_misjudged(late, disagreement):
    log, diverted = read(EVENT, LATE), Diverted(late=at(*late), rejected=at())
    assert [held.residue for held in account(log, diverted)] == [0]
    assert misjudged(log, diverted, ALLOWED_LATENESS_MS).rows() == [(0, *disagreement)]


def test_faults_that_cancel_out_in_the_counts_show_in_the_positions():
    log, diverted = read(EVENT, b"rubbish"), Diverted(late=at(1), rejected=at())
    assert [held.residue for held in account(log, diverted)] == [0]
    assert misjudged(log, diverted, ALLOWED_LATENESS_MS).height == 2


def test_what_was_diverted_twice_counts_once():
    late = {
        "partition": 0,
        "kafka_offset": 7,
        "customer": "AA",
        "metric": "delay",
        "event_time": 2,
        "value": "1.500000",
    }
    record = Record(0, 0, -1, json.dumps(late | {"newest_event_time": 5}).encode())
    assert positions("late_events", [record, record]).rows() == [(0, 7)]


def test_what_was_diverted_behind_the_log_read_does_not_count():
    assert Diverted(late=at(0, 5), rejected=at(1, 9)).within(read(EVENT, EVENT)).late.rows() == [(0, 0)]


@pytest.mark.parametrize("value", [None, b"rubbish", b"[]", b"{}", b'{"partition": 0}'])
def test_a_diverted_record_without_a_position_is_named(value):
    with pytest.raises(SmaError, match="late_events: the record at partition 3, Kafka offset 8"):
        positions("late_events", [Record(3, 8, -1, value)])
