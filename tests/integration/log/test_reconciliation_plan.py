"""What `sma reconcile` plans on a real log: ten settled days of 2013, and three days of 2024 that came after them."""

from datetime import date

import pytest

from batch.schedule.reconciliation_plan import DayRequest, plan_reconciliation
from orchestration.backfill import run_ranges
from sma.days import day_start_ms
from sma.errors import SmaError
from tests.support.publishing import publish
from tests.support.settled_days import AVERAGES, DAYS, HOUR, compute, day, event, heartbeats, hourly, settle

SETTLED = [day(number) for number in range(DAYS + 1)]  # the windows of the last events end on the day after
OWN = [date(2024, 3, number) for number in range(1, 4)]
EVENTS = [event(day_start_ms(OWN[0]) + hour * HOUR + HOUR // 2, customer="own") for hour in range(72)]
CLOSED_MS = day_start_ms(date(2024, 3, 6))


def plan(place, **request):
    partitions, today = (date(1970, 1, 1), date(2026, 1, 2)), date(2026, 1, 1)
    return plan_reconciliation(
        place.settings, AVERAGES, DayRequest(**request), partitions, today, run_ranges, lambda _: None
    )


@pytest.fixture
def log(place):
    settle(place, hourly(), SETTLED)
    publish(place.settings, EVENTS)
    return place


def test_what_is_not_closed_is_counted_and_what_is_new_is_planned_once_it_is_closed(log):
    before = plan(log)
    assert (before.days, before.settled) == ((), len(SETTLED))
    assert (before.unclosed.events, before.unclosed.is_exact, list(before.unclosed.days)) == (72, True, OWN)
    assert len(before.unclosed.held_back_by) == 3  # of four partitions, all but the one of the events

    publish(log.settings, heartbeats(CLOSED_MS))
    after = plan(log)
    assert list(after.days) == [*OWN, date(2024, 3, 4)]
    assert (after.settled, after.unclosed.events) == (len(SETTLED), 0)
    assert 72 <= after.offsets <= after.offsets_in_log


def test_a_plan_reads_as_many_offsets_as_the_run_does(log):
    publish(log.settings, heartbeats(CLOSED_MS))
    planned = plan(log, customer="own")
    assert compute(log, list(planned.days)).offsets_read == planned.offsets


def test_a_customer_of_whom_the_log_has_no_event_is_refused(log):
    with pytest.raises(SmaError, match="there is no event of the customer 'owm': there are 'own'"):
        plan(log, customer="owm")
