"""One value traced on the real services: what readers see, the events that gave it, and what is wrong where it is."""

import psycopg
import pytest

from batch.explain.command import explain_command
from batch.explain.explanation import Case
from batch.explain.layer_checks import Verdict
from batch.explain.trace import explain
from batch.explain.wording import sentence
from batch.index.extend import extend_index
from sma.averages import load_averages
from sma.errors import SmaError
from sma.instants import instant
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed
from tests.support.stream_job import running_job
from tests.support.traced_value import (
    CORRECTED_LOG,
    LOG,
    MINUTE,
    NAMES,
    NOON,
    OTHERS,
    YAML,
    event,
    expected,
    trace_a_day,
)


def pair(row):
    return row and (row.pair.value_sum_micros, row.pair.event_count)


@pytest.fixture(scope="module")
def traced(open_place, tmp_path_factory):
    """The explanations of one value on its way from the stream to its correction, and of damaged rows."""
    averages_file = tmp_path_factory.mktemp("explain") / "averages.yaml"
    with open_place() as place, running_job(place, averages_file, YAML):
        return trace_a_day(place)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_traced_to_the_stream_before_the_log_is_indexed(traced, name):
    said = traced.unindexed[name]
    assert said.case is Case.STREAM_ONLY
    assert pair(said.stream.row) == expected(LOG, name, late=False)
    assert (said.stream.verdict, said.batch.verdict) == (Verdict.EQUAL, Verdict.WAITING)


def test_late_events_are_known_before_the_log_is_indexed(traced):
    said = traced.unindexed["hour"]
    assert [traced.positions.index(held.position) for held in said.late_events] == [5, 4]
    assert "are not indexed yet" in sentence(said)


def test_a_computed_value_is_not_final_before_its_day_is_reconciled(traced):
    assert traced.computed.case is Case.NOT_FINAL
    assert "the day was never reconciled" in sentence(traced.computed)


@pytest.mark.parametrize("name", NAMES)
def test_a_reconciled_value_is_final_and_right_in_both_layers(traced, name):
    final = traced.final[name]
    assert (final.case, final.is_wrong) == (Case.FINAL, False)
    assert pair(final.stream.row) == expected(LOG, name, late=False)
    assert pair(final.batch.row) == expected(LOG, name, late=True)
    assert (final.stream.verdict, final.batch.verdict) == (Verdict.EQUAL, Verdict.EQUAL)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_served_of_a_final_value_is_its_batch_row(traced, name):
    final = traced.final[name]
    served = final.records.served.pair
    assert pair(final.batch.row) == (served.value_sum_micros, served.event_count)


@pytest.mark.parametrize("name", NAMES)
def test_a_final_value_names_its_run_and_its_explained_difference(traced, name):
    final = traced.final[name]
    assert [found.is_explained for found in final.records.differences] == [True]
    assert final.records.result.run_id == "run-1"


def test_late_events_are_listed_with_how_far_behind_they_arrived(traced):
    final = traced.final["hour"]
    late = {traced.positions.index(held.position): held.behind_ms // MINUTE for held in final.late_events}
    assert late == {4: 11, 5: 51}
    assert "the stream emitted" in sentence(final)
    assert "without 2 late events" in sentence(final)


@pytest.mark.parametrize(
    ("other", "case"),
    zip(OTHERS, [Case.FINAL, Case.NO_ROW, Case.NO_ROW, Case.NOT_YET], strict=True),
)
def test_other_grid_points_are_final_without_a_row_or_yet_to_come(traced, other, case):
    assert traced.others[other].case is case


def test_the_commands_document_has_the_same_for_programs(traced):
    document = traced.final_document
    assert document["case"] == "final"
    assert [each["behind_ms"] for each in document["events"] if each["is_late"]] == [51 * MINUTE, 11 * MINUTE]
    assert document["answer"]["run_url"] == f"{traced.dagster_url}/runs/run-1"


def test_the_command_lists_as_many_events_as_are_asked_for_and_counts_all(traced):
    assert "11 minutes behind 2013-01-10T11:56:00Z" in traced.final_listed
    assert "6, 2 of them late; 1 listed" in traced.final_listed


def test_a_late_event_after_the_reconciliation_outdates_a_final_value(traced):
    assert (traced.outdated.case, traced.outdated.batch.verdict) == (Case.FINAL, Verdict.OUTDATED)
    assert "1 event, 1 of them late, arrived after it was computed" in sentence(traced.outdated)


def test_a_recomputed_value_is_not_final_before_its_day_is_reconciled_again(traced):
    assert traced.recomputed.case is Case.NOT_FINAL


def test_a_corrected_value_is_final_and_right(traced):
    corrected = traced.corrected
    assert (corrected.case, corrected.batch.verdict) == (Case.FINAL, Verdict.EQUAL)
    assert pair(corrected.batch.row) == expected(CORRECTED_LOG, "hour", late=True)


def test_a_correction_keeps_the_value_before_it_and_both_reconciliations(traced):
    (correction,) = traced.corrected.records.corrections
    before = expected(LOG, "hour", late=True)
    assert (correction.before.value_sum_micros, correction.before.event_count) == before
    assert correction.after == traced.corrected.batch.row.pair
    assert [held.run_id for held in traced.corrected.records.reconciliations] == ["run-2", "run-1"]


def test_a_damaged_row_of_the_stream_is_wrong_and_the_batch_row_is_not(traced):
    damaged = traced.damaged
    assert (damaged.stream.verdict, damaged.batch.verdict) == (Verdict.DIFFERENT, Verdict.EQUAL)
    right = expected(CORRECTED_LOG, "hour", late=False)
    assert (damaged.stream.recomputed.value_sum_micros, damaged.stream.recomputed.event_count) == right


def test_the_command_fails_for_a_damaged_row_and_names_the_wrong_layer(traced):
    ran = traced.damaged_command
    assert ran.returncode == 1
    assert "WRONG: the stream's pair" in ran.stdout
    assert ran.stderr.splitlines()[-1] == "sma: the row of the stream is not the sum of its events: see above"


def test_a_row_that_is_missing_and_one_with_a_wrong_count_are_wrong(traced):
    assert (traced.broken.stream.verdict, traced.broken.batch.verdict) == (Verdict.MISSING, Verdict.DIFFERENT)


def test_a_row_that_no_event_gave_is_extra_and_not_served(traced):
    assert (traced.extra.case, traced.extra.stream.verdict) == (Case.NOT_SERVED, Verdict.EXTRA)


def test_where_kafka_dropped_events_a_value_is_unchecked_and_not_wrong(traced):
    gone, (partition, offset) = traced.gone, traced.positions[2]
    assert (gone.case, gone.stream.verdict, gone.is_wrong) == (Case.FINAL, Verdict.UNCHECKED, False)
    assert gone.log.lost == (partition, 0, offset - 1)


def test_where_kafka_dropped_events_those_that_are_left_are_listed(traced):
    gone, positions = traced.gone, traced.positions
    assert [held.position for held in gone.events] == [positions[5], positions[4], *[gone.events[-1].position]]
    assert "its events cannot be shown" in sentence(gone)


def test_the_command_says_that_kafka_no_longer_has_the_events(traced):
    assert "cannot be checked: Kafka no longer has the events" in traced.gone_shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AA", "delay", "hour", NOON + 1), "nearest grid points are 2013-01-10T12:00:00Z and 2013-01-10T12:15:00Z"),
        (("AA", "delay", "huor", NOON), "there is no average 'huor': there are 'hour' and 1 more"),
        (("AB", "delay", "hour", NOON), "there is no event of the customer 'AB': there are 'AA'"),
        (("AA", "delays", "hour", NOON), "no event of 'AA' has the metric 'delays': its metrics are 'delay'"),
        (("A/A", "delay", "hour", NOON), "there is no event of the customer 'A/A'"),
    ],
)
def test_what_is_not_there_is_one_line_that_names_what_is(place, averages_file, arguments, message):
    averages_file.write_text(YAML)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 0)")
    with pytest.raises(SmaError, match=message):
        explain(place.settings, load_averages(averages_file), *arguments, print)


def test_another_kafka_is_one_line(place, averages_file):
    averages_file.write_text(YAML)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO sma.indexed_series VALUES (3, 'AA', 'delay', 0)")
        connection.execute("INSERT INTO sma.indexed_partitions VALUES (3, 7, 0, 0, 0)")
    with pytest.raises(SmaError, match="partition 3 of the log ends at Kafka offset 0, but was indexed to 7"):
        explain(place.settings, load_averages(averages_file), "AA", "delay", "hour", NOON, print)


def test_a_window_that_other_partitions_hold_back_is_in_the_stream_only_and_says_what_closes_it(place, averages_file):
    # all events are in one of four partitions, and the others end two hours before
    with running_job(place, averages_file, YAML):
        before = NOON - 2 * 3_600_000
        publish(place.settings, [Sent(b'{"heartbeat": %d}' % before, before, partition=number) for number in range(4)])
        publish(place.settings, [event(minute, value)[1] for minute, value in [(10, "1"), (40, "2"), (130, "9")]])
        succeed(place.sma("wait", "--timeout", "120"))
        averages = load_averages(averages_file)
        extend_index(place.settings, averages, print)
        traced = explain(place.settings, averages, "AA", "delay", "hour", NOON, print)
    assert traced.case is Case.STREAM_ONLY
    assert pair(traced.stream.row) == (3_000_000, 2)
    assert len(traced.day_state.held_back_by) == 3
    assert "the window is not closed in all partitions, so the batch layer has no row" in sentence(traced)
    assert "a later event or a heartbeat there (`sma heartbeat --now`) closes it" in sentence(traced)
    layers = traced.positions_by_layer()
    assert (len(layers["stream"]), len(layers["batch"])) == (2, 0)


def test_a_difference_gives_the_command_that_traces_it_as_python_does(place):
    names = ["AA", "it's", 'a "b"', "日本", "-x", "a\\b $(c)", "a b", "ä"]
    times = [NOON, NOON + 1, NOON + 100, -(10**12)]
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        for number, (customer, metric) in enumerate((customer, metric) for customer in names for metric in names):
            connection.execute(
                "INSERT INTO sma.differences VALUES ('run', %s, %s, 'hour', %s, 'changed', true, 1, 1, 1, 2, 2)",
                (customer, metric, instant(times[number % len(times)])),
            )
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        rows = connection.execute(
            "SELECT customer, metric, average, (extract(epoch FROM as_of) * 1000)::bigint, explain "
            "FROM sma.differing_windows"
        ).fetchall()
    assert len(rows) == len(names) ** 2
    assert [command for *_, command in rows] == [explain_command(*key) for *key, _ in rows]
