"""Which days of a real log are stale, and what do they need of it? Held to the oracle and to what a run reads."""

import pytest

from batch.index.closed_days import low_watermark_ms
from batch.index.log_index import read_index
from batch.schedule.required_offsets import required_offsets
from batch.schedule.stale_days import MORE_IN_THE_LOG, NO_RESULT, NOT_RECONCILED, stale_days
from batch.store.database import connect, snapshot
from batch.store.read_only import read_only_session
from batch.windows.day_plan import plan_days
from batch.windows.partition_windows import EventFilter
from sma.days import day_of
from sma.durations import DAY_MS
from tests.support.month_of_events import AVERAGES, DAYS, START, as_record, close, compute, expected_of, extend
from tests.support.month_of_events import log_of as events_of
from tests.support.publishing import Sent, publish

BLOCK_EVENTS = 16


@pytest.fixture
def log(place):
    """Thirty days in blocks of 16 events, indexed to their end and closed."""
    events = [event for event in events_of() if event[0] != "wild"]  # its blocks would reach over all days
    publish(place.settings, [as_record(event) for event in events])
    close(place)
    extend(place, block_events=BLOCK_EVENTS)
    return events


def stale(place):
    with read_only_session(place.settings) as connection:
        return {each.day: each.reasons for each in stale_days(connection, AVERAGES)}


def days_with_rows(events):
    return {day_of(as_of_ms) for rows in expected_of(events).values() for _, _, as_of_ms in rows}


def test_the_days_that_have_rows_are_stale_until_they_are_computed_and_again_when_a_late_event_comes(place, log):
    assert stale(place) == dict.fromkeys(days_with_rows(log), {NO_RESULT})
    compute(place, days_with_rows(log))
    assert stale(place) == dict.fromkeys(days_with_rows(log), {NOT_RECONCILED})
    late = START + 10 * DAY_MS
    publish(place.settings, [as_record(("busy", "a", late, "1"))])
    extend(place, block_events=BLOCK_EVENTS)
    changed = {day for day, reasons in stale(place).items() if MORE_IN_THE_LOG in reasons}
    # the series has some 40 events a day: the last 40, and the 2 days of the longest duration, reach no further
    assert {day_of(late + number * DAY_MS) for number in range(2)} <= changed
    assert changed <= {day_of(late + number * DAY_MS) for number in range(4)}


def test_more_of_the_log_makes_no_settled_day_stale(place, log):
    compute(place, days_with_rows(log))
    at_ms = START + (DAYS + 3) * DAY_MS
    publish(place.settings, [Sent(b"rubbish", at_ms), as_record(("new", "a", at_ms, "1"))])
    extend(place, block_events=BLOCK_EVENTS)
    assert not {day for day, reasons in stale(place).items() if MORE_IN_THE_LOG in reasons}


def test_what_a_day_needs_begins_no_later_than_what_its_run_reads(place, log):
    days = sorted(days_with_rows(log))
    with read_only_session(place.settings) as connection:
        needed = required_offsets(connection, AVERAGES, days)
    with connect(place.settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection, snapshot(connection):
        index = read_index(connection)
        until_ms = low_watermark_ms(index, AVERAGES.watermark_delay_ms) + 1
        for day in days:
            plan = plan_days(
                connection, AVERAGES.averages, {"all": EventFilter()}, list(index.read_to), [day], until_ms
            )
            for task in plan.tasks:
                for source in task.sources:
                    read = task.all_ranges(source)
                    assert not read or needed[day][source.partition] <= read[0][0], (day, source.partition)
    assert any(offset > 300 for offsets in needed.values() for offset in offsets.values())
