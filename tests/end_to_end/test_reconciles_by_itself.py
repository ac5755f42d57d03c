"""Dagster on the running stack: backfills that were killed, what the log gains, days far apart, and the audit."""

import json
from datetime import date, timedelta

import psycopg
import pytest

from orchestration.backfill import follow_backfill, launch_backfill
from sma.days import day_start_ms
from sma.durations import DAY_MS
from tests.support.automation import Automation, Backfills, until
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

HOUR_MS = 3_600_000
LONG_AGO = date(2001, 1, 1)
DAYS = 400
BEFORE_THE_KILL = 20
AVERAGES = 3


def event(time_ms, customer="probe"):
    fields = {"customer": customer, "metric": "load", "event_time": time_ms, "value": time_ms % 977}
    return Sent(json.dumps(fields).encode(), time_ms, key=f"{customer}/load")


def heartbeats(time_ms):
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


@pytest.fixture
def reader(stack):
    with psycopg.connect(stack.settings.database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def results(reader):
    """Return (run, written_at) of each (day, average)."""
    last = LONG_AGO + timedelta(days=DAYS - 1)
    rows = reader.execute(
        "SELECT day, average, run_id, written_at FROM sma.batch_days WHERE day BETWEEN %s AND %s", (LONG_AGO, last)
    )
    return {(day, average): written for day, average, *written in rows}


@pytest.mark.nightly
def test_a_backfill_that_was_killed_goes_on_where_it_stopped(stack, reader):
    settings, backfills = stack.settings, Backfills(stack.settings)
    first_ms = day_start_ms(LONG_AGO)
    customers = [f"probe-{number}" for number in range(4)]
    publish(settings, [event(first_ms + hour * HOUR_MS, name) for hour in range(24 * DAYS) for name in customers])
    publish(settings, heartbeats(first_ms + (DAYS + 3) * DAY_MS))
    killed = launch_backfill(settings, [LONG_AGO + timedelta(days=number) for number in range(DAYS)])
    until(lambda: len(results(reader)) >= AVERAGES * BEFORE_THE_KILL, 240)
    (run_id,) = backfills.run_ids(killed)
    backfills.kill(run_id)
    assert follow_backfill(settings, killed, print).error is not None
    before = results(reader)
    assert AVERAGES * BEFORE_THE_KILL <= len(before) < AVERAGES * DAYS

    outcome = follow_backfill(settings, backfills.execute_again(killed), print)
    assert (outcome.error, len(outcome.run_ids)) == (None, 1)
    after = results(reader)
    assert len(after) == AVERAGES * DAYS
    # of the day at which it was killed some averages may have been written
    finished = {key for key in before if sum(day == key[0] for day, _ in before) == AVERAGES}
    assert {key: after[key] for key in finished} == {key: before[key] for key in finished}
    assert {run for key, (run, _) in after.items() if key not in finished} == set(outcome.run_ids)
    reconciled = reader.execute(
        "SELECT count(*) FROM sma.reconciliations WHERE run_id = ANY(%s) AND unexplained = 0", (list(outcome.run_ids),)
    ).fetchone()
    assert reconciled == (AVERAGES * DAYS,)


@pytest.mark.nightly
def test_what_the_log_gains_is_reconciled_and_nothing_else(stack, reader):
    automation = Automation(stack.settings)
    first, next_day = date(2018, 3, 5), date(2018, 3, 20)
    minutes = range(0, DAY_MS, 300_000)
    publish(stack.settings, [event(day_start_ms(first) + ms) for ms in minutes])
    publish(stack.settings, heartbeats(day_start_ms(first) + 3 * DAY_MS))
    automation.index()
    with automation.reconciling():
        before = automation.reconciled()
        assert ("2018-03-05", "2018-03-06") in before.values()
        # a day on which the log goes on, and an event that is late for its series by two weeks
        publish(stack.settings, [event(day_start_ms(next_day) + ms) for ms in minutes])
        publish(stack.settings, [event(day_start_ms(first) + 12 * HOUR_MS + 1)])
        publish(stack.settings, heartbeats(day_start_ms(next_day) + 3 * DAY_MS))
        automation.index()
        until(lambda: len(automation.runs("reconcile")) > len(before), 120)
        new = {run_id: days for run_id, days in automation.reconciled().items() if run_id not in before}
    assert sorted(new.values()) == [("2018-03-05", "2018-03-06"), ("2018-03-20", "2018-03-21")]
    explained, unexplained = reader.execute(
        "SELECT sum(explained)::int, sum(unexplained)::int FROM sma.reconciliations WHERE run_id = ANY(%s)",
        (list(new),),
    ).fetchone()
    assert (explained > 0, unexplained) == (True, 0)


def owner(stack):
    return psycopg.connect(stack.settings.owner_database_url.get_secret_value(), autocommit=True)


def test_an_audit_by_hand_finds_a_row_that_is_missing_in_both_layers_and_repairs_it(stack):
    day, next_day = date(2019, 5, 6), date(2019, 5, 7)
    publish(stack.settings, [event(day_start_ms(day) + ms, "audited") for ms in range(0, DAY_MS, 300_000)])
    publish(stack.settings, heartbeats(day_start_ms(day) + 3 * DAY_MS))
    succeed(stack.sma("wait", "--timeout", "120"))
    days = ("--start", str(day), "--end", str(next_day))
    succeed(stack.sma("reconcile", *days))
    here = f"customer = 'audited' AND average = 'hour' AND as_of = '{day} 10:00+00'"
    with owner(stack) as connection:
        for layer in ("streaming_averages", "batch_averages"):
            assert connection.execute(f"DELETE FROM sma.{layer} WHERE {here}").rowcount == 1
        found = stack.sma("audit", *days, "--json")
        assert (found.returncode, "2 windows were damaged" in found.stderr) == (1, True), found.stderr
        report = json.loads(found.stdout)
        assert (report["days_recomputed"], report["unexplained_corrections"], report["unexplained_differences"]) == (
            2,
            1,
            1,
        )
        assert report["explain"] == [f"sma explain audited load hour {day}T10:00:00Z"]
        assert connection.execute(f"SELECT count(*) FROM sma.batch_averages WHERE {here}").fetchone() == (1,)
        connection.execute(
            "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
            f"SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.batch_averages WHERE {here}"
        )
    succeed(stack.sma("audit", *days))


def test_one_event_of_1970_beside_todays_and_one_of_the_year_1_stop_nothing(stack, reader):
    far_apart = [date(1970, 1, 5), date(2019, 8, 1)]
    for name, day in (("first", date.min), ("old", far_apart[0]), ("new", far_apart[1])):
        publish(stack.settings, [event(day_start_ms(day) + 12 * HOUR_MS, name)])
    publish(stack.settings, heartbeats(day_start_ms(far_apart[1]) + 3 * DAY_MS))
    succeed(stack.sma("wait", "--timeout", "120"))
    reconciled = stack.sma("reconcile", "--end", "2000-12-31")  # without the days of the other tests
    succeed(reconciled)
    assert "left out: 2 days from 0001-01-01 to 0001-01-02" in " ".join(reconciled.stderr.split())
    computed = {day for (day,) in reader.execute("SELECT day FROM sma.batch_days WHERE day < '2001-01-01'")}
    assert far_apart[0] in computed
    # a day of a window reaches one day further, and nothing is between it and the last day
    assert computed <= {far_apart[0], far_apart[0] + timedelta(days=1)}
