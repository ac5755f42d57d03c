"""Which days are stale: hand-made rows of the offset index, of answers and of reconciliations in a real database."""

from datetime import date, timedelta

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from batch.index.index_pass import Block
from batch.schedule.owner_days import closed_owner_days, days_with_rows, stored_days
from batch.schedule.required_offsets import required_offsets
from batch.schedule.stale_days import (
    MORE_IN_THE_LOG,
    MORE_IS_CLOSED,
    NO_RESULT,
    NOT_RECONCILED,
    OTHER_RULES,
    days_to_reconcile,
    stale_days,
)
from batch.store.read_only import read_only_session
from database.definitions import store_definitions
from sma.averages import parse_averages
from sma.errors import SmaError
from sma.instants import instant
from sma.settings import Settings
from tests.support.index_rows import DAY, HOUR_MS, NEXT_MORNING, IndexRows, at

HOUR = parse_averages(
    "watermark_delay: 1 second\naverages: [{name: hour, window: 1 hour, every: 15 minutes}]", "averages.yaml"
)
LAST_2 = parse_averages(
    "watermark_delay: 1 second\naverages: [{name: last_2, window: 2 events, every: 1 hour}]", "averages.yaml"
)


@pytest.fixture
def index(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        yield IndexRows(connection)


@pytest.fixture
def last_2_is_defined(own_database):
    store_definitions(own_database.settings.owner_database_url.get_secret_value(), LAST_2.averages)


@pytest.fixture
def one_day(index):
    """Events of DAY from 09:00 to 12:00 at the Kafka offsets 0 to 99, and all of the day closed."""
    index.low_watermark(NEXT_MORNING)
    index.block((0, 100), (9, 12))
    return index


def stale(own_database, averages=HOUR):
    with read_only_session(own_database.settings) as connection:
        return {each.day: each for each in stale_days(connection, averages)}


def test_nothing_is_stale_before_the_log_was_indexed(own_database):
    assert stale(own_database) == {}


def test_a_partition_without_a_watermark_holds_nothing_back(own_database, one_day):
    one_day.low_watermark(None, partition=1)
    assert {day: each.reasons for day, each in stale(own_database).items()} == {DAY: {NO_RESULT}}


def test_nothing_is_closed_while_no_partition_has_a_watermark(own_database, index):
    index.low_watermark(None)
    index.low_watermark(None, partition=1)
    assert stale(own_database) == {}


@pytest.mark.parametrize(
    ("closed_hours", "is_stale"),
    [(10.2, False), (10.25, True), (NEXT_MORNING, True)],  # the grid point after 10:01 is 10:15
)
def test_a_day_is_stale_once_a_partition_that_lagged_has_closed_another_of_its_windows(
    own_database, one_day, closed_hours, is_stale
):
    one_day.result(read_to=100)
    lagging = Jsonb({"1": at(10) + 60_000})
    one_day.connection.execute("UPDATE sma.batch_days SET lagging = %s", (lagging,))
    one_day.connection.execute("UPDATE sma.indexed_partitions SET settled_ms = %s", (at(48),))
    one_day.low_watermark(closed_hours, partition=1)
    expected = {DAY: frozenset({MORE_IS_CLOSED})} if is_stale else {}
    assert {day: each.reasons for day, each in stale(own_database).items()} == expected


def test_a_day_without_a_result_is_stale(own_database, one_day):
    assert {day: each.reasons for day, each in stale(own_database).items()} == {DAY: {NO_RESULT}}


def test_a_day_whose_result_is_complete_is_not_stale(own_database, one_day):
    one_day.result(read_to=100)
    assert stale(own_database) == {}


def test_a_day_before_its_first_closed_window_is_not_stale(own_database, one_day):
    one_day.low_watermark(9.2)  # the first row of events from 09:00 on is that of 09:15
    assert stale(own_database) == {}


def test_an_average_that_was_added_makes_its_days_stale(own_database, one_day):
    one_day.result(read_to=100)
    assert stale(own_database, LAST_2).keys() == {DAY}


@pytest.mark.parametrize(
    ("closed_then", "reasons"),
    [(11.5, {MORE_IS_CLOSED}), (23.7, {MORE_IS_CLOSED}), (23.8, set()), (24.0, set())],
)
def test_a_day_is_stale_when_another_grid_point_of_it_has_closed(own_database, one_day, closed_then, reasons):
    one_day.result(read_to=100, closed_hours=closed_then)
    assert (
        stale(own_database).get(DAY, frozenset()) == frozenset()
        if not reasons
        else stale(own_database)[DAY].reasons == reasons
    )


@pytest.mark.parametrize(
    ("hours", "is_touched"),
    [
        ((-1.5, -1.1), False),  # before 23:00 of the day before: in no window of the day
        ((-1.5, -0.9), True),  # in the window that ends at 00:00
        ((3, 4), True),
        ((23.9, 24.1), False),  # the first row is that of the next day's 00:00
        ((23.7, 24.1), True),
    ],
)
def test_a_block_after_the_result_counts_if_it_touches_the_days_windows(own_database, one_day, hours, is_touched):
    one_day.result(read_to=100)
    one_day.block((100, 200), hours)
    assert (DAY in stale(own_database)) == is_touched


def test_a_block_that_ends_after_the_result_counts(own_database, one_day):
    one_day.result(read_to=99)
    assert stale(own_database)[DAY].reasons == {MORE_IN_THE_LOG}


def test_a_partition_that_is_not_in_the_result_counts(own_database, one_day):
    one_day.result(read_to=100)
    one_day.low_watermark(NEXT_MORNING, partition=1)
    one_day.block((0, 1), (10, 10), partition=1)
    assert stale(own_database)[DAY].reasons == {MORE_IN_THE_LOG}


def test_a_block_that_grows_by_events_of_other_days_does_not_count(own_database, one_day):
    # each look at the log once made every day of a partition's last block stale
    one_day.result(read_to=100)
    one_day.block((100, 110), (40, 40), last_block=Block(0, 100, 100, 0, 0, 0, at(9), at(12)))
    assert stale(own_database).keys() == {DAY + timedelta(days=1)}


@pytest.mark.parametrize(("read_to", "is_waiting"), [(101, False), (100, True)])
def test_a_late_event_after_the_result_waits(own_database, one_day, read_to, is_waiting):
    one_day.result(read_to=read_to)
    one_day.late(100, 5)
    found = stale(own_database)
    assert (DAY in found) == is_waiting
    if is_waiting:
        assert found[DAY].reasons == {MORE_IN_THE_LOG}
        assert found[DAY].late_since is not None


@pytest.mark.parametrize("hours", [-1.1, 23.8])  # in no window of the day, and in none but the next day's
def test_a_late_event_outside_the_windows_of_the_day_does_not_wait(own_database, one_day, hours):
    one_day.result(read_to=100)
    one_day.late(100, hours)
    assert DAY not in stale(own_database)


def test_a_late_event_of_another_day_is_not_this_days(own_database, one_day):
    one_day.result(read_to=100)
    one_day.late(100, -30)
    assert stale(own_database).keys() == {DAY - timedelta(days=2)}


@pytest.fixture
def slow(index, last_2_is_defined):
    """Days of windows of the last 2 events, settled at offset 7, before a late or an earlier event of DAY comes.

    day      10    11   12    13   14     15   16
    events   new        1          5           1       the last 2 before a row of day 16 are both of day 14
    """
    index.low_watermark(24 * 7)
    offset = 0
    for day, events in ((2, 1), (4, 5), (6, 1)):
        index.block((offset, offset + events), [day * 24 + 10] * 2)
        index.result(read_to=7, closed_hours=24 * 8, day=DAY + timedelta(days=day), average="last_2")
        offset += events
    return index


def test_a_late_event_stays_in_windows_of_n_events_until_n_newer_ones_have_come(own_database, slow):
    assert stale(own_database, LAST_2) == {}
    slow.late(7, 10)
    found = stale(own_database, LAST_2)
    assert found.keys() == {DAY, DAY + timedelta(days=2), DAY + timedelta(days=4)}
    assert len({each.late_since for each in found.values()}) == 1


def test_an_earlier_event_that_is_not_late_does_so_too(own_database, slow):
    slow.block((7, 8), (10, 10))
    found = stale(own_database, LAST_2)
    assert found.keys() == {DAY, DAY + timedelta(days=2), DAY + timedelta(days=4)}
    assert {each.late_since for each in found.values()} == {None}


def test_late_events_reach_a_day_since_the_first_that_its_result_does_not_have(own_database, slow):
    reached = DAY + timedelta(days=2)
    slow.late(7, 10)
    first = stale(own_database, LAST_2)[reached].late_since
    slow.late(8, 11)
    assert stale(own_database, LAST_2)[reached].late_since == first
    slow.connection.execute("UPDATE sma.batch_days SET read_to = '{\"0\": 9}'")
    assert stale(own_database, LAST_2).keys() == {DAY}
    slow.late(9, 12)
    assert stale(own_database, LAST_2)[reached].late_since > first


def test_a_block_of_old_events_reaches_as_far_as_its_partitions_series(own_database, one_day, last_2_is_defined):
    one_day.result(read_to=100, average="last_2")
    one_day.block((100, 101), (-62, -62), series="A")
    assert stale(own_database, LAST_2).keys() == {DAY - timedelta(days=3), DAY}


def test_a_block_of_another_series_does_not_reach_it(own_database, one_day, last_2_is_defined):
    one_day.result(read_to=100, average="last_2")
    one_day.block((100, 101), (-62, -62), series="B")
    assert stale(own_database, LAST_2).keys() == {DAY - timedelta(days=3)}


@pytest.mark.parametrize(
    ("hours", "low_watermark", "days"),
    [
        (5, 5, []),  # its first row is that of 05:15
        (5, 5.25, [0]),
        (5, 9 * 24, [0]),
        (23.7, 23.8, [0]),
        (23.7, 24, [0, 1]),  # the last of its windows ends at 00:30
        (23.9, 9 * 24, [1]),  # all of them end on the next day
    ],
)
def test_the_days_that_own_closed_rows(own_database, index, hours, low_watermark, days):
    index.low_watermark(low_watermark)
    index.block((0, 1), (hours, hours))
    with read_only_session(own_database.settings) as connection:
        assert closed_owner_days(connection, HOUR) == [DAY + timedelta(days=number) for number in days]
        assert [each.day for each in stale_days(connection, HOUR)] == closed_owner_days(connection, HOUR)


def test_between_events_of_one_block_that_are_decades_apart_no_day_owns_rows(own_database, index):
    index.low_watermark(NEXT_MORNING)
    long_ago = date(1970, 1, 1)
    index.events(0, np.array([at(9, long_ago), at(9)]), ["A", "A"])
    with read_only_session(own_database.settings) as connection:
        assert closed_owner_days(connection, HOUR) == [long_ago, DAY]
        assert [each.day for each in stale_days(connection, HOUR)] == [long_ago, DAY]


def test_a_day_without_a_grid_point_owns_no_row(own_database, index):
    fortnight = parse_averages(
        "watermark_delay: 1 second\naverages: [{name: fortnight, window: 2 weeks, every: 1 week}]", "averages.yaml"
    )
    index.low_watermark(24 * 30)
    index.block((0, 1), (9, 9))  # a Thursday, as all of its grid points are
    with read_only_session(own_database.settings) as connection:
        owned = [DAY + timedelta(days=7), DAY + timedelta(days=14)]
        assert closed_owner_days(connection, fortnight) == owned
        assert [each.day for each in stale_days(connection, fortnight)] == owned


def test_days_of_which_rows_are_stored_are_found_by_steps_through_an_index(own_database, index):
    for layer, days in (("streaming_averages", (0, 3, 400)), ("batch_averages", (3, 17))):
        for day in days:
            index.connection.execute(
                f"INSERT INTO sma.{layer} (customer, metric, average, as_of, value_sum, event_count) "
                "SELECT 'A', 'm', 'hour', %s + quarter * INTERVAL '15 minutes', 1, 1 "
                "FROM generate_series(0, 95) AS quarter",
                (instant(at(0, DAY + timedelta(days=day))),),
            )
    with read_only_session(own_database.settings) as connection:
        assert stored_days(connection) == {DAY + timedelta(days=day) for day in (0, 3, 17, 400)}
        assert days_with_rows(connection, HOUR, [DAY, DAY + timedelta(days=1)]) == [DAY]


@pytest.mark.parametrize("reconciled_after", [None, timedelta(seconds=-1)])
def test_a_result_that_was_not_reconciled_since_it_was_written_is_stale(own_database, one_day, reconciled_after):
    one_day.result(read_to=100, reconciled_after=reconciled_after)
    assert stale(own_database)[DAY].reasons == {NOT_RECONCILED}


@pytest.mark.parametrize(("max_ahead_ms", "is_stale"), [(None, False), (HOUR.max_ahead_ms, False), (1, True)])
def test_a_result_by_another_max_ahead_is_stale(own_database, one_day, max_ahead_ms, is_stale):
    one_day.result(read_to=100)
    one_day.connection.execute("UPDATE sma.batch_days SET max_ahead_ms = %s", (max_ahead_ms,))
    found = {day: each.reasons for day, each in stale(own_database).items()}
    assert found == ({DAY: {OTHER_RULES}} if is_stale else {})


def test_events_before_1970_are_of_their_own_day(own_database, index):
    hours = -24 * 15_715  # 1970-01-01 less a few hours
    index.low_watermark(hours + 10)
    index.block((0, 1), (hours - 5, hours - 5))
    assert stale(own_database).keys() == {DAY - timedelta(days=15_716)}


@pytest.mark.parametrize(
    ("limits", "first"),
    [
        ({}, 0),
        ({"first_day": "2013-01-12"}, 2),
        ({"keep_days": 10}, 1),
        ({"first_day": "2013-01-13", "keep_days": 9}, 3),
    ],
)
def test_days_that_are_no_partition_or_not_kept_are_left_alone(own_database, index, limits, first):
    index.low_watermark(24 * 10)
    for number in range(5):
        index.block((number, number + 1), (24 * number + 10, 24 * number + 10))
    today = DAY + timedelta(days=11)
    with read_only_session(own_database.settings) as connection:
        found = days_to_reconcile(connection, Settings(**limits), HOUR, today)
    assert [each.day for each in found] == [DAY + timedelta(days=number) for number in range(first, 5)]


def test_a_year_of_many_series_is_looked_at_within_the_time_limit(own_database, index, last_2_is_defined):
    # the reach of windows of N events was once worked out anew for each block, which took minutes
    index.low_watermark(24 * 366)
    times_ms = np.repeat(at(0) + np.arange(365, dtype=np.int64) * 24 * HOUR_MS, 200)
    index.events(0, times_ms, [f"s{number % 200}" for number in range(times_ms.size)])
    with read_only_session(own_database.settings) as connection:  # a session that takes longer fails
        days = [each.day for each in stale_days(connection, LAST_2)]
        assert len(days) == 365
        assert required_offsets(connection, LAST_2, days).keys() == set(days)


def test_a_look_that_takes_too_long_ends_in_one_line(own_database):
    with (
        pytest.raises(SmaError, match="transaction timeout"),
        read_only_session(own_database.settings, limit_seconds=1) as connection,
    ):
        for _ in range(3):
            connection.execute("SELECT pg_sleep(0.6)")


def test_a_look_writes_nothing(own_database):
    with pytest.raises(SmaError, match="read-only transaction"), read_only_session(own_database.settings) as connection:
        connection.execute("DELETE FROM sma.batch_days")
