"""Damage to settled days: each kind is found, repaired if the log is there, and told from what events explain."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from batch import pipeline
from batch.audit.due_days import read_due_days
from batch.audit.trail import read_audit, read_unexplained
from batch.log.offsets import retained_ranges
from batch.store.read_only import read_only_session
from monitoring.exporter.database import look_at_reconciliation
from sma.errors import SmaError
from sma.instants import instant, milliseconds
from tests.support.metrics import samples
from tests.support.publishing import publish
from tests.support.settled_days import (
    AVERAGES,
    DAY,
    DAYS,
    HOUR,
    KEY,
    START,
    audit,
    compute,
    connect,
    day,
    event,
    hourly,
    reconcile,
    rows_of,
    settle,
    stream_agrees,
    stream_commits,
)
from tests.support.superuser import client_options

ALL_DAYS = [day(number) for number in range(DAYS + 1)]


@pytest.fixture
def owner(place):
    with connect(place) as connection:
        yield connection


@pytest.fixture
def settled(place):
    """Ten days of two series, computed, and equal to what the stream has."""
    settle(place, hourly(), ALL_DAYS)
    return place


def at(number, hour, average="hours", customer="acme"):
    """The key of a row."""
    return customer, "m", average, instant(START + (24 * number + hour) * HOUR)


def change(owner, key, set_="value_sum = value_sum + 0.000001", table="batch_averages"):
    assert owner.execute(f"UPDATE sma.{table} SET {set_} WHERE {KEY}", key).rowcount == 1


def delete(owner, key, table="batch_averages"):
    assert owner.execute(f"DELETE FROM sma.{table} WHERE {KEY}", key).rowcount == 1


def insert(owner, key, table="batch_averages"):
    owner.execute(
        f"INSERT INTO sma.{table} (customer, metric, average, as_of, value_sum, event_count) "
        "VALUES (%s, %s, %s, %s, 7, 3)",
        key,
    )


def corrections(owner, run_id):
    """Return {key: (before, after, is_explained)} of a run."""
    rows = owner.execute(
        "SELECT customer, metric, average, as_of, value_sum_before, event_count_before, value_sum_after, "
        "event_count_after, is_explained FROM sma.corrections WHERE run_id = %s",
        (run_id,),
    ).fetchall()
    return {tuple(row[:4]): (tuple(row[4:6]), tuple(row[6:8]), row[8]) for row in rows}


def test_settled_days_raise_no_alarm(settled, owner):
    before = rows_of(owner)
    audited = audit(settled, run_id="audit")
    assert (audited.faults, {each.corrections for each in audited.days}) == (0, {0})
    assert {each.day for each in audited.days if each.is_recomputed} == set(ALL_DAYS)
    assert rows_of(owner) == before
    with psycopg.connect(settled.settings.database_url.get_secret_value()) as reader:
        assert read_audit(reader, "audit") == list(audited.days)


def test_a_changed_a_deleted_and_an_added_row_are_found_repaired_and_kept_in_the_trail(settled, owner):
    right = rows_of(owner)
    summed, counted, gone, added = at(2, 5), at(3, 6, "last_5"), at(4, 7, customer="bolt"), at(5, 8, customer="nobody")
    change(owner, summed)
    change(owner, counted, "event_count = event_count - 1")
    delete(owner, gone)
    insert(owner, added)
    audited = audit(settled, run_id="audit")
    assert rows_of(owner) == right
    assert audited.faults == sum(each.unexplained_corrections for each in audited.days) == 4
    assert {(each.day, each.average) for each in audited.days if each.faults} == {
        (day(2), "hours"),
        (day(3), "last_5"),
        (day(4), "hours"),
        (day(5), "hours"),
    }
    nothing = (None, None)
    (sum_2, count_2), (sum_3, count_3) = right[summed], right[counted]
    assert corrections(owner, "audit") == {
        summed: ((sum_2 + Decimal("0.000001"), count_2), (sum_2, count_2), False),
        counted: ((sum_3, count_3 - 1), (sum_3, count_3), False),
        gone: (nothing, tuple(right[gone]), False),
        added: ((Decimal(7), 3), nothing, False),
    }
    found = {(each.customer, each.average, each.as_of_ms) for each in read_unexplained(owner, "audit", 20)}
    assert found == {
        (customer, average, milliseconds(time)) for customer, _, average, time in corrections(owner, "audit")
    }
    assert audit(settled).faults == 0


def test_the_metric_has_damaged_rows_by_average_for_a_day_after_they_were_found(settled, owner):
    change(owner, at(2, 5))
    audit(settled)
    (path := settled.settings.state_dir / "averages.yaml").parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "watermark_delay: 1 second\naverages:\n  - {name: hours, window: 3 hours, every: 1 hour}\n"
        "  - {name: last_5, window: 5 events, every: 1 hour}\n"
    )
    settings = settled.settings.model_copy(update={"averages": path})

    def damaged():
        found = samples(look_at_reconciliation(settings))
        return [found["sma_unexplained_corrections", name] for name in ("hours", "last_5")]

    assert damaged() == [1, 0]
    owner.execute("UPDATE sma.corrected_days SET classified_at = classified_at - INTERVAL '25 hours'")
    assert damaged() == [0, 0]


def test_a_row_that_no_layer_can_write_is_damage_too(settled, owner):
    right = rows_of(owner)
    change(owner, at(2, 5), "value_sum = 'NaN'")
    finer = (*at(3, 6)[:3], at(3, 6)[3] + timedelta(microseconds=1))
    insert(owner, finer)
    audited = audit(settled, run_id="audit")
    assert rows_of(owner) == right
    assert {(each.day, each.faults) for each in audited.days if each.faults} == {(day(2), 1), (day(3), 1)}
    assert {key: is_explained for key, (*_, is_explained) in corrections(owner, "audit").items()} == {
        at(2, 5): False,
        finer: False,
    }


def test_a_row_that_is_missing_in_both_layers_is_found_in_both(settled, owner):
    key = at(6, 12)
    for table in ("batch_averages", "streaming_averages"):
        delete(owner, key, table)
    audited = audit(settled)
    (found,) = [each for each in audited.days if each.faults]
    assert (found.day, found.average, found.unexplained_corrections, found.unexplained_differences) == (
        day(6),
        "hours",
        1,
        1,
    )


def test_a_normal_run_that_meets_damage_before_the_audit_does_not_cover_it_up(settled, owner):
    change(owner, at(2, 5))
    computed = compute(settled, [day(2)], "reconciles")
    assert computed.unexplained_corrections == 1
    assert owner.execute("SELECT day, average, corrections, unexplained FROM sma.corrected_days").fetchall() == [
        (day(2), "hours", 1, 1)
    ]
    assert audit(settled).faults == 0


def test_damage_beside_a_late_event_is_told_from_what_the_event_explains(settled, owner):
    # 3-hour windows that hold 10:45 end at 11:00, 12:00 and 13:00; the last 5 events have it from 11:00 to 15:00
    publish(settled.settings, [event(START + 2 * 24 * HOUR + 10 * HOUR + 3 * HOUR // 4, "100")])
    stream_commits(settled)
    change(owner, at(2, 12))
    change(owner, at(2, 20))
    computed = compute(settled, [day(2)], "late")
    found = corrections(owner, "late")
    assert {key for key, (*_, is_explained) in found.items() if not is_explained} == {at(2, 12), at(2, 20)}
    assert {key for key, (*_, is_explained) in found.items() if is_explained} == {
        at(2, 11),
        at(2, 13),
        *(at(2, hour, "last_5") for hour in range(11, 16)),
    }
    assert {(each.average, each.corrections, each.unexplained) for each in computed.corrected} == {
        ("hours", 4, 2),
        ("last_5", 5, 0),
    }


def test_corrections_of_a_result_of_other_rules_are_explained_by_them(settled, owner):
    # as where another max_ahead let another event in
    owner.execute("UPDATE sma.batch_days SET max_ahead_ms = 1")
    change(owner, at(2, 5))
    computed = compute(settled, [day(2)], "other rules")
    assert computed.unexplained_corrections == 0
    assert [is_explained for *_, is_explained in corrections(owner, "other rules").values()] == [True]
    assert owner.execute("SELECT corrections, unexplained FROM sma.corrected_days").fetchall() == [(1, 0)]


def test_streamed_rows_of_a_former_generation_are_no_damage(settled, owner):
    insert(owner, ("acme", "m", "hours", instant(START - 40 * 24 * HOUR)), "streaming_averages")
    owner.execute("UPDATE sma.streaming_averages SET generation = -1 WHERE as_of < %s", (instant(START),))
    audited = audit(settled, start=day(-50))
    assert (audited.without_events, audited.faults) == ((), 0)


def test_a_run_that_was_killed_before_it_classified_is_carried_on(settled, owner, monkeypatch):
    change(owner, at(2, 5))

    def killed(*_):
        raise RuntimeError("killed")

    monkeypatch.setattr(pipeline, "classify_corrections", killed)
    with pytest.raises(RuntimeError):
        compute(settled, [day(2)], "killed")
    monkeypatch.undo()
    assert owner.execute("SELECT unexplained FROM sma.corrected_days").fetchall() == [(None,)]
    # any run: this one computes another day
    computed = compute(settled, [day(7)], "next")
    assert [(each.run_id, each.day, each.unexplained) for each in computed.corrected] == [("killed", day(2), 1)]
    assert corrections(owner, "killed")[at(2, 5)][2] is False


def test_an_audit_without_a_stream_keeps_what_it_found(settled, owner):
    publish(settled.settings, [event(START + 5 * HOUR + 1)])  # nobody commits it
    change(owner, at(2, 5))
    hasty = settled.settings.model_copy(update={"reconcile_timeout": "1 second"})
    with pytest.raises(SmaError, match="the stream has committed only"):
        audit(settled, run_id="audit", settings=hasty)
    found = [each for each in read_audit(owner, "audit") if each.faults]
    assert [(each.day, each.unexplained_corrections, each.unexplained_differences) for each in found] == [
        (day(2), 1, None)
    ]


def test_two_audits_at_once_find_each_damaged_row_once(settled, owner):
    right = rows_of(owner)
    damaged = [at(number, hour) for number in range(DAYS) for hour in (3, 9)]
    for key in damaged:
        change(owner, key)
    with ThreadPoolExecutor() as pool:
        audits = [pool.submit(audit, settled, run_id=f"audit-{number}") for number in range(2)]
        found = [each.result() for each in audits]
    assert sum(each.faults for each in found) == len(damaged)
    assert rows_of(owner) == right
    assert sum(len(corrections(owner, f"audit-{number}")) for number in range(2)) == len(damaged)


def test_rows_of_a_day_that_no_event_makes_are_found_in_both_layers(settled, owner):
    streamed, computed = (
        ("acme", "m", "hours", instant(START + number * 24 * HOUR + 5 * HOUR)) for number in (-40, -20)
    )
    insert(owner, streamed, "streaming_averages")
    insert(owner, computed)
    audited = audit(settled, start=day(-50))
    assert audited.without_events == (day(-40), day(-20))
    faults = {each.day: each for each in audited.days if each.faults}
    assert (faults[day(-40)].unexplained_differences, faults[day(-40)].unexplained_corrections) == (1, 0)
    assert (faults[day(-20)].unexplained_differences, faults[day(-20)].unexplained_corrections) == (0, 1)
    assert computed not in rows_of(owner)
    assert owner.execute(
        "SELECT class, is_explained FROM sma.differences WHERE as_of = %s", (streamed[3],)
    ).fetchall() == [("extra_in_stream", False)]


def test_rows_of_a_day_that_no_event_makes_are_counted_while_its_windows_are_open(settled, owner):
    insert(owner, ("acme", "m", "hours", instant(START + 90 * 24 * HOUR)), "streaming_averages")
    found = audit(settled, end=day(100))
    assert [(each.day, each.average, each.damaged) for each in found.days if each.faults] == [(day(90), "hours", 1)]
    owner.execute("DELETE FROM sma.streaming_averages WHERE as_of > %s", (instant(START + 80 * 24 * HOUR),))
    gone = audit(settled, start=None, end=None)
    assert [(each.day, each.average, each.damaged) for each in gone.days] == [(day(90), "hours", 0)]
    assert audit(settled, start=None, end=None).days == ()


def lose_the_log(place):
    admin = AdminClient(client_options(place.settings))
    ends = retained_ranges(place.settings, place.settings.events_topic)
    wanted = [TopicPartition(place.settings.events_topic, partition, held.end - 1) for partition, held in ends.items()]
    for future in admin.delete_records(wanted).values():
        future.result()


def test_days_that_kafka_no_longer_has_are_counted_and_named(settled, owner):
    lose_the_log(settled)
    said = []
    assert audit(settled, run_id="well", say=said.append).faults == 0
    assert any("11 days from 2013-01-01 to 2013-01-11 cannot be recomputed" in line for line in said)
    for table in ("batch_averages", "streaming_averages"):
        delete(owner, at(6, 12), table)
    change(owner, at(2, 5))
    change(owner, at(3, 6, "last_5"), table="streaming_averages")
    insert(owner, at(4, 7, customer="nobody"), "streaming_averages")
    damaged = rows_of(owner)
    audited = audit(settled, run_id="audit")
    assert not any(each.is_recomputed for each in audited.days)
    assert {(each.day, each.average): each.damaged for each in audited.days if each.faults} == {
        (day(6), "hours"): 1,
        (day(2), "hours"): 1,
        (day(3), "last_5"): 1,
        (day(4), "hours"): 1,
    }
    assert rows_of(owner) == damaged  # there is nothing to repair them from
    assert read_audit(owner, "audit") == list(audited.days)


def due(place, **settings):
    with read_only_session(place.settings) as connection:
        configured = place.settings.model_copy(update=settings)
        return read_due_days(connection, configured, AVERAGES, DAY + timedelta(days=400))


def age(owner, days, since):
    owner.execute("UPDATE sma.batch_days SET written_at = now() - %s WHERE day = ANY(%s)", (since, list(days)))


def test_each_day_is_due_after_half_of_the_period_and_overdue_after_all_of_it(settled, owner):
    assert due(settled).due == ()
    age(owner, ALL_DAYS[:3], timedelta(days=16))
    age(owner, ALL_DAYS[1:2], timedelta(days=31))
    held = due(settled)
    assert (held.due, held.overdue, held.settled) == ((day(1), day(0), day(2)), 1, DAYS + 1)
    audited = audit(settled, start=None, end=None)
    assert {each.day for each in audited.days} == {day(0), day(1), day(2)}
    assert due(settled).due == ()


def test_days_that_are_only_counted_are_not_due_again_at_once(settled, owner):
    lose_the_log(settled)
    age(owner, ALL_DAYS, timedelta(days=31))
    audit(settled, start=None, end=None)
    assert due(settled).due == ()


def test_a_run_stops_after_its_budget_and_the_next_one_goes_on(settled, owner):
    age(owner, ALL_DAYS, timedelta(days=31))
    small = settled.settings.model_copy(update={"audit_most_offsets": 1})
    first = audit(settled, start=None, end=None, settings=small)
    assert {each.day for each in first.days} == set(ALL_DAYS[:7])
    assert first.left == 4
    second = audit(settled, start=None, end=None, settings=small)
    assert {each.day for each in second.days} == set(ALL_DAYS[7:])
    assert second.left == 0


def test_days_whose_rows_are_no_longer_kept_are_not_audited(settled, owner):
    age(owner, ALL_DAYS, timedelta(days=31))
    assert due(settled, keep_days=395).due == tuple(ALL_DAYS[5:])
    kept = settled.settings.model_copy(update={"keep_days": 395})
    assert {each.day for each in audit(settled, settings=kept).days} == set(ALL_DAYS[5:])


def test_a_late_event_that_is_reconciled_is_no_fault_of_the_next_audit(settled, owner):
    publish(settled.settings, [event(START + 2 * 24 * HOUR + 10 * HOUR, "100")])
    stream_commits(settled)
    days = [day(2), day(3)]
    compute(settled, days)
    stream_agrees(settled)
    reconcile(settled, days)
    assert audit(settled).faults == 0


def test_the_earliest_day_is_audited_too(place, owner):
    settle(place, [event(milliseconds(instant(0)) - 719_162 * 24 * HOUR), *hourly(1)], [date.min, DAY])
    change(owner, ("acme", "m", "hours", instant(-719_162 * 24 * HOUR + HOUR)))
    assert audit(place, start=date.min).faults == 1
