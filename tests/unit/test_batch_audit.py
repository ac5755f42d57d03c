"""Which days an audit takes, and what counts say of rows that cannot be recomputed."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.audit.due_days import RUN_EVERY_MS, in_chunks, select_due
from batch.audit.stored_counts import CountsThen, damaged_windows
from batch.reconciliation.compare_in_database import RowCounts

DAY = date(2013, 1, 1)
DAY_S = 86_400.0
PERIOD_S = 30 * DAY_S


def ages(*ages_s):
    return {DAY + timedelta(days=number): age_s for number, age_s in enumerate(ages_s)}


def test_a_day_is_due_once_half_of_the_period_has_passed():
    held = select_due(ages(PERIOD_S / 2 - 1, PERIOD_S / 2, PERIOD_S), PERIOD_S, 366)
    assert held.due == (DAY + timedelta(days=2), DAY + timedelta(days=1))
    assert (held.settled, held.overdue) == (3, 0)


def test_where_one_is_overdue_a_run_takes_as_many_as_it_may():
    held = select_due(ages(PERIOD_S + 1, *[0.0] * 100), PERIOD_S, 50)
    assert (held.overdue, held.take) == (1, 50)


@settings(max_examples=25)
@given(st.integers(1, 300), st.integers(2, 12))
def test_days_that_were_all_written_at_once_are_all_audited_within_the_period(count, period_days):
    period_s, step_s = period_days * DAY_S, RUN_EVERY_MS / 1000
    held = dict.fromkeys((DAY + timedelta(days=number) for number in range(count)), 0.0)
    oldest, most = 0.0, 0
    for _ in range(int(period_s * 2 / step_s)):
        held = {day: age_s + step_s for day, age_s in held.items()}
        due = select_due(held, period_s, 10**6)
        oldest = max(oldest, *held.values())
        taken = due.due[: due.take]
        most = max(most, len(taken))
        held |= dict.fromkeys(taken, 0.0)
    assert oldest <= period_s
    # so many in a run as it takes, and no more: there are as many runs as fit into half of the period
    assert most <= -(-count // max(1, int(period_s / 2 / step_s)))


def test_days_are_computed_oldest_first_in_chunks():
    days = [DAY + timedelta(days=number) for number in (5, 1, 3, 2, 4)]
    assert in_chunks(days, 2) == [[days[1], days[3]], [days[2], days[4]], [days[0]]]


@pytest.mark.parametrize(
    ("now", "damaged"),
    [
        (RowCounts(streamed=99, batch=100, equal=98), 0),
        (RowCounts(streamed=99, batch=97, equal=98), 3),
        (RowCounts(streamed=99, batch=101, equal=98), 1),
        (RowCounts(streamed=95, batch=100, equal=94), 4),
        (RowCounts(streamed=99, batch=100, equal=96), 2),
        # a row is missing in both layers
        (RowCounts(streamed=98, batch=99, equal=97), 1),
    ],
)
def test_windows_are_damaged_where_counts_are_not_those_that_were_recorded(now, damaged):
    assert damaged_windows(CountsThen(rows=100, equal=98, streamed=99), now) == damaged


def test_of_a_result_that_was_not_compared_only_its_own_rows_are_known():
    assert damaged_windows(CountsThen(rows=100, equal=None, streamed=None), RowCounts(5, 100, 4)) == 0
