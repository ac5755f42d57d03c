"""Every record of the log is accounted for once, and a fault of any kind shows."""

import json

import polars as pl
import pytest

from batch.index.log_index import IndexedPartition, LogIndex
from batch.index.side_outputs import POSITIONS_SCHEMA, SideOutputs, mismatched_positions, positions
from batch.log.reader import Value
from batch.reconciliation.accounting import account, mismatched
from sma.errors import SmaError

# one partition: an event, a late event, a heartbeat, rubbish
INDEX = LogIndex((IndexedPartition(0, 4, 9, events=1, late_events=1, rejected_events=1, heartbeats=1),))
EVENTS = (0, 1)


def at(*offsets: int) -> pl.DataFrame:
    return pl.DataFrame([(0, offset) for offset in offsets], POSITIONS_SCHEMA, orient="row")


BY_RULE = SideOutputs(late=at(1), rejected=at(3))


def found(*, late, rejected) -> tuple[list[int], list[tuple]]:
    """The residues and the mismatches, given the stream's side outputs."""
    side_outputs = SideOutputs(late=at(*late), rejected=at(*rejected))
    mismatched_events = mismatched_positions(side_outputs, BY_RULE).filter(pl.col("kafka_offset").is_in(EVENTS))
    residues = [each.residue for each in account(INDEX, side_outputs, BY_RULE, mismatched_events)]
    return residues, mismatched(side_outputs, BY_RULE, mismatched_events).rows()


def test_every_record_is_accounted_for():
    (each,) = account(INDEX, BY_RULE, BY_RULE, at())
    assert (each.records, each.events_used, each.late_events, each.rejected_events, each.heartbeats) == (4, 1, 1, 1, 1)
    assert found(late=[1], rejected=[3]) == ([0], [])


@pytest.mark.parametrize(
    ("late", "rejected", "residue", "disagreement"),
    [
        ([1], [], 1, (3, "rejected by the batch layer alone")),
        ([1], [0, 3], -1, (0, "rejected by the stream alone")),
        ([1, 2], [3], -1, (2, "late for the stream, no event for the batch layer")),
        ([1, 7], [3], -1, (7, "late for the stream, no event for the batch layer")),
    ],
)
def test_a_record_that_the_layers_classify_differently_is_a_residue(late, rejected, residue, disagreement):
    assert found(late=late, rejected=rejected) == ([residue], [(0, *disagreement)])


@pytest.mark.parametrize(
    ("late", "disagreement"),
    [([], (1, "late by the rule, not for the stream")), ([0, 1], (0, "late for the stream, not by the rule"))],
)
def test_an_event_that_only_one_of_the_layers_takes_for_late_is_no_residue_but_mismatched(late, disagreement):
    assert found(late=late, rejected=[3]) == ([0], [(0, *disagreement)])


@pytest.mark.parametrize("late", [[], [0, 1]])
def test_a_mismatched_event_is_not_accounted_for_whatever_the_counts_say(late):
    side_outputs = SideOutputs(late=at(*late), rejected=at(3))
    mismatched_events = mismatched_positions(side_outputs, BY_RULE).filter(pl.col("kafka_offset").is_in(EVENTS))
    (each,) = account(INDEX, side_outputs, BY_RULE, mismatched_events)
    assert (each.residue, each.mismatched, each.unaccounted) == (0, 1, 1)


def test_faults_that_cancel_out_in_the_counts_show_in_the_positions():
    residues, disagreements = found(late=[1, 3], rejected=[])
    assert residues == [0]
    assert len(disagreements) == 2


def test_what_came_after_an_account_is_added_to_it():
    before = {each.kafka_partition: each for each in account(INDEX, BY_RULE, BY_RULE, at())}
    grown = LogIndex((IndexedPartition(0, 10, 99, events=4, late_events=3, rejected_events=2, heartbeats=1),))
    newer = SideOutputs(late=at(5, 6), rejected=at(8))
    (each,) = account(grown, newer, newer, at(), before)
    assert (each.read_from, each.read_to, each.records) == (0, 10, 10)
    assert (each.events_used, each.late_events, each.rejected_events, each.heartbeats) == (4, 3, 2, 1)
    assert each.unaccounted == 0


@pytest.mark.parametrize(("late", "unaccounted"), [([5], 1), ([5, 6, 7], 1), ([5, 6, 0], 1)])
def test_what_came_after_an_account_and_is_amiss_shows(late, unaccounted):
    before = {each.kafka_partition: each for each in account(INDEX, BY_RULE, BY_RULE, at())}
    grown = LogIndex((IndexedPartition(0, 10, 99, events=4, late_events=3, rejected_events=2, heartbeats=1),))
    by_rule = SideOutputs(late=at(5, 6), rejected=at(8))
    newer = SideOutputs(late=at(*late), rejected=at(8))
    mismatched_events = mismatched_positions(newer, by_rule)
    (each,) = account(grown, newer, by_rule, mismatched_events, before)
    assert each.unaccounted == unaccounted


def test_a_record_of_a_side_output_names_a_position():
    late = {
        "partition": 0,
        "kafka_offset": 7,
        "customer": "AA",
        "metric": "delay",
        "event_time": 2,
        "value": "1.500000",
    }
    record = Value(0, 4, json.dumps(late | {"newest_log_time": 5, "generation": 2}).encode())
    assert positions("late_events", [record], 2).rows(named=True) == [
        {"topic_offset": 4, "kafka_partition": 0, "kafka_offset": 7}
    ]


@pytest.mark.parametrize(("generation", "expected"), [(0, [(0, 1)]), (1, [(1, 2), (0, 2)]), (2, [(0, 3)]), (3, [])])
def test_records_of_another_generation_are_left_out(generation, expected):
    #  the first is of before there were generations
    written = [
        b'{"partition": 0, "kafka_offset": 1}',
        b'{"partition": 1, "kafka_offset": 2, "generation": 1}',
        b'{"partition": 0, "kafka_offset": 2, "generation": 1}',
        b'{"partition": 0, "kafka_offset": 3, "generation": 2}',
    ]
    values = [Value(0, offset, value) for offset, value in enumerate(written)]
    assert named(values, generation) == expected
    assert named(values[1:], generation) == (expected if generation else [])


def named(values, generation):
    return positions("late_events", values, generation).select("kafka_partition", "kafka_offset").rows()


def test_empty_side_outputs_have_no_positions():
    assert positions("late_events", [], 0).rows() == []


@pytest.mark.parametrize("value", [None, b"", b"rubbish", b"[]", b"{}", b'{"partition": 0}', b'{"partition": null}'])
def test_a_side_output_record_without_a_position_is_named(value):
    whole = Value(3, 7, b'{"partition": 0, "kafka_offset": 1}')
    with pytest.raises(SmaError, match="late_events: the record at partition 3, Kafka offset 8"):
        positions("late_events", [whole, Value(3, 8, value), whole], 0)
