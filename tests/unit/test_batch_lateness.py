"""Which events are late: the rule of the log, drawn out."""

import polars as pl
import pytest

from batch.lateness import judged
from batch.log import EVENTS_SCHEMA

ALLOWED_LATENESS_MS = 10


def late_places(*events: tuple[int, str, int]) -> list[int]:
    """Judge events (partition, customer, event time) that stand in this order; return the places of the late ones."""
    rows = [
        (customer, "m", event_time_ms, 1, partition, place)
        for place, (partition, customer, event_time_ms) in enumerate(events)
    ]
    log = pl.DataFrame(rows, EVENTS_SCHEMA, orient="row").sort("kafka_partition", "kafka_offset")
    return sorted(judged(log, ALLOWED_LATENESS_MS).filter("is_late")["kafka_offset"])


@pytest.mark.parametrize(("event_time_ms", "late"), [(90, []), (89, [1]), (100, []), (101, [])])
def test_an_event_is_late_when_it_is_further_behind_than_allowed(event_time_ms, late):
    #   allowed:  90 ---- 100
    assert late_places((0, "a", 100), (0, "a", event_time_ms)) == late


def test_the_first_event_of_a_series_is_never_late_whatever_others_have_sent():
    assert late_places((0, "a", 100), (0, "b", 1)) == []


def test_only_what_stands_before_counts():
    assert late_places((0, "a", 1), (0, "a", 100)) == []


def test_a_late_event_takes_nothing_back():
    #   100, then 50 (late), then 89 (late against 100, not against 50)
    assert late_places((0, "a", 100), (0, "a", 50), (0, "a", 89), (0, "a", 95)) == [1, 2]


def test_each_partition_is_judged_by_itself():
    assert late_places((1, "a", 100), (0, "a", 1), (1, "a", 1), (0, "a", 2)) == [2]


def test_an_empty_log_has_no_late_event():
    assert late_places() == []
