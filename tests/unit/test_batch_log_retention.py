"""A check warns before Kafka drops records that days to reconcile require."""

from datetime import date

import pytest

from batch.checks.log_retention import Margin, check_margins
from batch.log.offsets import OffsetRange
from batch.log.record_sizes import Retention
from batch.schedule.required_offsets import is_gone


def margin(retention_bytes: int, records_per_second: float | None = 1.0) -> Margin:
    """100 records of 10 bytes are required, those at 100 to 200."""
    return Margin(100, OffsetRange(50, 200), Retention(retention_bytes, -1), 10.0, records_per_second)


def aged(max_age_s: int, age_s: float | None, retention_bytes: int = -1) -> Margin:
    """The same, of a log that is limited by age."""
    return Margin(100, OffsetRange(50, 200), Retention(retention_bytes, max_age_s * 1_000), 10.0, 1.0, age_s)


@pytest.mark.parametrize(("start", "expected"), [(99, False), (100, False), (101, True)])
def test_a_day_is_lost_when_its_first_record_is(start, expected):
    assert is_gone({0: 100}, {0: OffsetRange(start, 200)}) == expected


@pytest.mark.parametrize(
    ("held", "seconds"),
    [
        (margin(3_000), 200.0),  # room for 200 more records before the first required one is dropped
        (margin(500), 0.0),
        (margin(-1), None),
        (margin(3_000, None), None),
        (margin(3_000, 0.0), None),
        (aged(600, 500.0), 100.0),  # the first required record is 500 s old, and kept for 600 s
        (aged(600, 700.0), 0.0),
        (aged(600, None), None),
        (aged(600, 500.0, retention_bytes=3_000), 100.0),
        (aged(600, 300.0, retention_bytes=3_000), 200.0),
    ],
)
def test_the_time_left_is_the_room_left_at_the_present_pace(held, seconds):
    assert held.seconds_left == seconds


@pytest.mark.parametrize(("required_seconds", "passed"), [(100, True), (101, False)])
def test_it_warns_at_twice_the_time_required(required_seconds, passed):
    finding = check_margins(1, [], {0: margin(3_000)}, required_seconds)
    assert (finding.passed, finding.figures["seconds_left"]) == (passed, 200)
    assert passed or not finding.is_error


def test_a_lost_day_is_an_error_and_named():
    finding = check_margins(3, [date(2013, 1, 10)], {}, 1)
    assert not finding.passed
    assert finding.is_error
    assert "1 days to reconcile need, the first 2013-01-10" in finding.description


def test_no_day_to_reconcile_is_well():
    assert check_margins(0, [], {}, 900).passed
