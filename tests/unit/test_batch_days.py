"""Which windows are closed, and which days do they belong to?"""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from batch.index.closed_days import has_watermark, holding_back, lagging, low_watermark_ms
from batch.index.log_index import IndexedPartition, LogIndex
from batch.reconciliation.stream_commits import uncommitted
from batch.results.batch_results import BatchResult
from sma.days import day_of, day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.instants import instant, milliseconds
from sma.limits import EARLIEST_EVENT_TIME_MS

HOUR_MS = 3_600_000


def index(*newest_times_ms: int | None, settled_ms: int | None = None) -> LogIndex:
    partitions = enumerate(newest_times_ms)
    return LogIndex(
        tuple(IndexedPartition(number, 1, newest, 1, 0, 0, 0, settled_ms) for number, newest in partitions), settled_ms
    )


def test_the_slowest_partition_holds_the_watermark_back():
    # watermark 100 - 60 = 40: the window [.., 41) has its last millisecond at 40
    assert low_watermark_ms(index(500, 100), 60) == 41


def test_the_watermark_of_the_earliest_event_is_an_instant():
    # the only event of a partition is of DateTime.MinValue: less the delay, that is no time of Python's
    assert instant(low_watermark_ms(index(500, EARLIEST_EVENT_TIME_MS), 60)) == datetime(1, 1, 1, tzinfo=UTC)


def test_what_was_closed_once_stays_closed_under_a_longer_delay():
    assert low_watermark_ms(index(500, 100, settled_ms=90), 60) == 90
    assert low_watermark_ms(index(500, 100, settled_ms=30), 60) == 41


def test_an_empty_partition_holds_nothing_back():
    assert low_watermark_ms(index(500, None), 60) == 441


def test_nothing_is_closed_in_an_empty_log():
    assert not has_watermark(index(None, None))
    with pytest.raises(SmaError, match="no partition of the log holds an event or a heartbeat"):
        low_watermark_ms(index(None, None), 60)


def test_what_was_closed_stays_closed_when_an_empty_partition_gets_older_events():
    #  partition 0: closed up to 441, also when a result was computed; partition 1 was empty then
    own = index(500, 100).partitions
    log = LogIndex((replace(own[0], settled_ms=441), own[1]), settled_ms=441)
    assert low_watermark_ms(log, 60) == 441
    assert lagging(log, 60) == {1: 41}


def test_no_partition_lags_behind_a_low_watermark_that_it_makes_itself():
    assert lagging(index(500, 100, None), 60) == {}
    assert lagging(index(500, 100, settled_ms=90), 60) == {}


@pytest.mark.parametrize(
    ("as_of_ms", "partitions"),
    [(41, []), (42, [1]), (441, [1]), (442, [0, 1])],  # the watermarks are 440 and 40
)
def test_the_partitions_that_hold_a_window_back_have_not_passed_its_last_millisecond(as_of_ms, partitions):
    assert [each.kafka_partition for each in holding_back(index(500, 100), 60, as_of_ms)] == partitions


def test_an_empty_partition_holds_no_window_back():
    assert [each.kafka_partition for each in holding_back(index(500, None), 60, 442)] == [0]


def test_no_partition_holds_back_what_was_closed_once():
    assert holding_back(index(500, 100, settled_ms=90), 60, 90) == ()


@pytest.mark.parametrize(
    ("as_of_ms", "day"), [(0, date(1970, 1, 1)), (-1, date(1969, 12, 31)), (DAY_MS, date(1970, 1, 2))]
)
def test_a_day_owns_its_first_instant(as_of_ms, day):
    assert day_of(as_of_ms) == day
    assert day_start_ms(day) <= as_of_ms < day_start_ms(day) + DAY_MS


@pytest.mark.parametrize("time_ms", [-62_135_596_800_000, -1, 0, 1_357_034_400_001, 221_845_391_999_999])
def test_a_time_goes_to_the_database_and_back(time_ms):
    assert milliseconds(instant(time_ms)) == time_ms
    assert instant(time_ms).tzinfo is UTC


@pytest.mark.parametrize(
    ("low_watermark", "until_ms"),
    [(10 * DAY_MS, 2 * DAY_MS), (DAY_MS + 5, DAY_MS + 6), (DAY_MS, DAY_MS + 1), (5, DAY_MS)],
)
def test_a_days_result_ends_with_the_last_closed_window(low_watermark, until_ms):
    assert BatchResult(date(1970, 1, 2), "hour", {0: 1}, low_watermark).bounds_ms == (DAY_MS, until_ms)


def test_uncommitted_offsets_are_counted_by_partition():
    assert uncommitted({0: 5, 1: 9}, {0: 5, 1: 10, 2: 3, 3: 0}) == {1: 1, 2: 3}


def test_an_instant_is_exact_to_the_millisecond():
    assert instant(1_357_034_400_123) == datetime(2013, 1, 1, 10, 0, 0, 123_000, tzinfo=UTC)
