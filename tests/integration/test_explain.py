"""One value traced on the real services: what readers see, the events that gave it, and what is wrong where it is."""

import json
from datetime import date
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from batch.explain.command import explain_command
from batch.explain.explanation import Case
from batch.explain.layer_checks import Verdict
from batch.explain.trace import explain
from batch.explain.wording import sentence
from batch.pipeline import compute_batch_days, reconcile_days
from batch.report.reconciliation_report import commands_of_differences
from sma.averages import load_averages
from sma.days import day_start_ms
from sma.errors import SmaError
from sma.instants import format_instant, instant
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

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
# minutes after 11 o'clock, in the order of the log; 45 and 5 come too late
IN_ORDER = [(10, "1.5"), (25, "2.25"), (40, "-3"), (56, "0.000001"), (45, "100"), (5, "7"), (130, "9")]
CORRECTION = (58, "1000")  # comes late, once everything is reconciled


def event(minute, value, customer="AA"):
    time_ms = NOON - 60 * MINUTE + minute * MINUTE
    fields = {"customer": customer, "metric": "delay", "event_time": time_ms, "value": value}
    return (customer, "delay", time_ms, value), Sent(json.dumps(fields).encode(), time_ms, key=f"{customer}/delay")


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


def pair(row):
    return row and (row.pair.value_sum_micros, row.pair.event_count)


class Project:
    """A place with the job running, and what is done in it."""

    def __init__(self, place):
        self.place = place
        self.averages = load_averages(Path(place.environ["SMA_AVERAGES"]))
        self.log = []

    def publish(self, events):
        heartbeats = [Sent(b'{"heartbeat": %d}' % (NOON + 3 * 60 * MINUTE), NOON, partition=each) for each in range(4)]
        self.log += [each for each, _ in events]
        positions = publish(self.place.settings, [*(sent for _, sent in events), *heartbeats])
        succeed(self.place.sma("wait", "--timeout", "120"))
        return positions[: len(events)]

    def compute(self, run_id):
        compute_batch_days(self.place.settings, self.averages, [DAY], run_id, print)

    def reconcile(self, run_id):
        return reconcile_days(self.place.settings, self.averages, [DAY], run_id, print)

    def explain(self, name, as_of_ms=NOON, customer="AA", metric="delay"):
        explained = explain(self.place.settings, self.averages, customer, metric, name, as_of_ms, print)
        print(sentence(explained))
        return explained

    def execute(self, statement, *values):
        with psycopg.connect(self.place.settings.owner_database_url.get_secret_value()) as connection:
            connection.execute(statement, values)


@pytest.fixture
def project(place, averages_file):
    averages_file.write_text(YAML)
    place.environ["SMA_AVERAGES"] = str(averages_file)
    succeed(place.sma("stream", "start"))
    yield Project(place)
    succeed(place.sma("stream", "stop"))


def test_a_value_is_traced_from_the_streams_word_to_the_final_answer_its_correction_and_damage(project):
    positions = project.publish([event(*each) for each in IN_ORDER])

    # nothing is indexed yet: all of the log is its tail
    for name in ("hour", "last_3"):
        said = project.explain(name)
        assert said.case is Case.STREAM_ONLY
        assert pair(said.stream.row) == expected(project.log, name, late=False)
        assert (said.stream.verdict, said.batch.verdict) == (Verdict.EQUAL, Verdict.WAITING)
        assert [positions.index(held.position) for held in project.explain("hour").late_events] == [5, 4]
    assert "are not indexed yet" in sentence(project.explain("hour"))

    project.compute("run-1")
    not_final = project.explain("hour")
    assert not_final.case is Case.NOT_FINAL
    assert "the day was never reconciled" in sentence(not_final)

    project.reconcile("run-1")
    for name in ("hour", "last_3"):
        final = project.explain(name)
        assert (final.case, final.is_wrong) == (Case.FINAL, False)
        assert pair(final.stream.row) == expected(project.log, name, late=False)
        assert pair(final.batch.row) == expected(project.log, name, late=True)
        assert pair(final.batch.row) == (
            final.records.served.pair.value_sum_micros,
            final.records.served.pair.event_count,
        )
        assert (final.stream.verdict, final.batch.verdict) == (Verdict.EQUAL, Verdict.EQUAL)
        assert [found.is_explained for found in final.records.differences] == [True]
        assert final.records.result.run_id == "run-1"
    late = {positions.index(held.position): held.behind_ms // MINUTE for held in project.explain("hour").late_events}
    assert late == {4: 11, 5: 51}
    assert "the stream had said" in sentence(project.explain("hour"))
    assert "without 2 late events" in sentence(project.explain("hour"))
    assert project.explain("last_3", NOON - 30 * MINUTE).case is Case.FINAL
    assert project.explain("last_3", NOON + 60 * MINUTE).case is Case.NO_ROW
    assert project.explain("hour", NOON + 60 * MINUTE).case is Case.NO_ROW
    assert project.explain("hour", NOON + 15 * 60 * MINUTE).case is Case.NOT_YET

    # the command says the same, and its document is for programs
    document = json.loads(succeed(project.place.sma("explain", "AA", "delay", "hour", "2013-01-10T12:00", "--json")))
    assert document["case"] == "final"
    assert [each["behind_ms"] for each in document["events"] if each["is_late"]] == [51 * MINUTE, 11 * MINUTE]
    assert document["answer"]["run_url"] == f"{project.place.settings.dagster_url}/runs/run-1"
    shown = succeed(project.place.sma("explain", "AA", "delay", "hour", "2013-01-10 13:00+01:00", "--events", "1"))
    assert "11 minutes behind 2013-01-10T11:56:00Z" in shown
    assert "6, 2 of them late; 1 listed" in shown

    # an event comes late after all that: what is served is final and outdated, then corrected, then final again
    project.publish([event(*CORRECTION)])
    outdated = project.explain("hour")
    assert (outdated.case, outdated.batch.verdict) == (Case.FINAL, Verdict.OUTDATED)
    assert "1 event, 1 of them late, came after it was computed" in sentence(outdated)
    before = expected(project.log[:-1], "hour", late=True)
    project.compute("run-2")
    assert project.explain("hour").case is Case.NOT_FINAL
    project.reconcile("run-2")
    corrected = project.explain("hour")
    assert (corrected.case, corrected.batch.verdict) == (Case.FINAL, Verdict.EQUAL)
    assert pair(corrected.batch.row) == expected(project.log, "hour", late=True)
    (correction,) = corrected.records.corrections
    assert (correction.before.value_sum_micros, correction.before.event_count) == before
    assert correction.after == corrected.batch.row.pair
    assert [held.run_id for held in corrected.records.reconciliations] == ["run-2", "run-1"]

    # planted damage of every kind is called wrong, and which layer it is
    here = "WHERE customer = 'AA' AND average = %s AND as_of = %s"
    project.execute(f"UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 {here}", "hour", instant(NOON))
    damaged = project.explain("hour")
    assert (damaged.stream.verdict, damaged.batch.verdict) == (Verdict.DIFFERENT, Verdict.EQUAL)
    right = expected(project.log, "hour", late=False)
    assert (damaged.stream.expected.value_sum_micros, damaged.stream.expected.event_count) == right
    ran = project.place.sma("explain", "AA", "delay", "hour", "2013-01-10T12:00")
    assert ran.returncode == 1
    assert "WRONG: the stream's pair" in ran.stdout
    assert ran.stderr.splitlines()[-1] == "sma: what the stream says is not what its events give: see above"
    project.execute(f"DELETE FROM sma.streaming_averages {here}", "last_3", instant(NOON))
    project.execute(f"UPDATE sma.batch_averages SET event_count = event_count + 1 {here}", "last_3", instant(NOON))
    broken = project.explain("last_3")
    assert (broken.stream.verdict, broken.batch.verdict) == (Verdict.MISSING, Verdict.DIFFERENT)
    project.execute(
        "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
        "VALUES ('AA', 'delay', 'hour', %s, 1, 1)",
        instant(NOON + 60 * MINUTE),
    )
    extra = project.explain("hour", NOON + 60 * MINUTE)
    assert (extra.case, extra.stream.verdict) == (Case.NOT_SERVED, Verdict.EXTRA)

    # once Kafka has dropped the events, what the database holds is told, and that they cannot be shown
    partition = positions[0][0]
    client = AdminClient({"bootstrap.servers": project.place.settings.kafka_bootstrap})
    topic = project.place.settings.events_topic
    for future in client.delete_records([TopicPartition(topic, partition, positions[2][1])]).values():
        future.result(15)
    gone = project.explain("hour")
    assert (gone.case, gone.stream.verdict, gone.is_wrong) == (Case.FINAL, Verdict.UNCHECKED, False)
    assert gone.log.lost == (partition, 0, positions[2][1] - 1)
    assert [held.position for held in gone.events] == [positions[5], positions[4], *[gone.events[-1].position]]
    assert "its events cannot be shown" in sentence(gone)
    shown = succeed(project.place.sma("explain", "AA", "delay", "hour", format_instant(NOON)))
    assert "cannot be checked: Kafka no longer has the events" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AA", "delay", "hour", NOON + 1), "nearest grid points are 2013-01-10T12:00:00Z and 2013-01-10T12:15:00Z"),
        (("AA", "delay", "huor", NOON), "there is no average 'huor': there are hour, last_3"),
        (("AB", "delay", "hour", NOON), "no event of the customer 'AB' has come: there are 'AA'"),
        (("AA", "delays", "hour", NOON), "no event of 'AA' has the metric 'delays': its metrics are 'delay'"),
        (("A/A", "delay", "hour", NOON), "no event of the customer 'A/A' has come"),
    ],
)
def test_what_is_not_there_is_one_line_that_names_what_is(place, averages_file, arguments, message):
    averages_file.write_text(YAML)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 0)")
    with pytest.raises(SmaError, match=message):
        explain(place.settings, load_averages(averages_file), *arguments, print)


def test_another_kafka_is_told_in_one_line(place, averages_file):
    averages_file.write_text(YAML)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO sma.indexed_series VALUES (3, 'AA', 'delay', 0)")
        connection.execute("INSERT INTO sma.indexed_partitions VALUES (3, 7, 0, 0, 0)")
    with pytest.raises(SmaError, match="partition 3 of the log ends at Kafka offset 0, but was indexed to 7"):
        explain(place.settings, load_averages(averages_file), "AA", "delay", "hour", NOON, print)


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


def test_the_report_of_a_reconciliation_names_what_is_unexplained_first(place):
    rows = [("small", True, 1, 2), ("large", True, 1, 9), ("wrong", False, 1, 1), ("other run", False, 1, 99)]
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        for customer, is_explained, streamed, computed in rows:
            connection.execute(
                "INSERT INTO sma.differences VALUES (%s, %s, 'm', 'hour', %s, 'changed', %s, 1, %s, 1, %s, 1)",
                ("no" if customer == "other run" else "run", customer, instant(NOON), is_explained, streamed, computed),
            )
    assert commands_of_differences(place.settings, ["run"], 2) == [
        "sma explain wrong m hour 2013-01-10T12:00:00Z",
        "sma explain large m hour 2013-01-10T12:00:00Z",
    ]
