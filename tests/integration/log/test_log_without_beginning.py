"""The first index of a log whose beginning Kafka no longer has: known windows are the oracle's, others have no row."""

import psycopg
import pytest

from batch.checks.index_checks import index_has_no_gaps
from batch.checks.log_retention import days_are_retained
from batch.index.extend import extend_index
from batch.index.log_index import read_index
from batch.log.limits import WorkLimits
from sma.averages import Averages
from sma.days import day_of
from sma.durations import DAY_MS
from sma.errors import SmaError
from tests.support.month_of_events import AVERAGES, DAYS, START, as_record, close, compute, extend, log_of
from tests.support.publishing import delete_share, publish
from tests.support.stored import stored
from tests.support.streams import known_of, left_of

SMALL = WorkLimits(chunk_events=50, chunk_rows=300, bridged_offsets=0)
ALL_DAYS = [day_of(START + number * DAY_MS) for number in range(DAYS + 3)]


def test_windows_that_are_known_are_the_oracles_however_the_log_is_indexed(place):
    events = [event for event in log_of() if event[0] != "wild"]
    positions = publish(place.settings, [as_record(event) for event in events[:1_200]])
    firsts = delete_share(place.settings, positions, 0.5)
    for part in range(1_200, len(events), 5):
        if part < 1_300:
            extend(place, block_events=16)  # the first events of the origin, a few at a time
        positions += publish(place.settings, [as_record(event) for event in events[part : part + 5]])
    close(place)
    extend(place, block_events=16)
    compute(place, ALL_DAYS, limits=SMALL)
    known = known_of(left_of(events, positions, firsts), AVERAGES)
    assert all(known.values())
    assert stored(place, "batch_averages") == known


def test_the_index_begins_with_what_is_left_and_accounts_for_that(place):
    events = log_of(900)
    positions = publish(place.settings, [as_record(event) for event in events])
    firsts = delete_share(place.settings, positions, 0.3)
    assert days_are_retained(place.settings, AVERAGES, ALL_DAYS[0]).passed
    said = []
    report = extend_index(place.settings, AVERAGES, said.append)
    assert said[0].startswith("Kafka no longer holds the offsets 0 to ")
    left = sum(offset >= firsts[partition] for partition, offset in positions)
    assert report.records == left
    with psycopg.connect(place.settings.batch_database_url.get_secret_value()) as connection:
        index = read_index(connection)
        assert index_has_no_gaps(connection).passed
    assert (index.records, index.offsets) == (left, left)
    assert {p: offset for p, offset in index.read_from.items() if p in firsts} == firsts


def test_a_partition_of_which_nothing_is_left_begins_where_it_goes_on(place):
    first = [("busy", "a", START, "1")] * 30
    positions = publish(place.settings, [as_record(event) for event in first])
    firsts = delete_share(place.settings, positions, 1.0)
    extend(place)
    extend(place)
    events = [("busy", "a", START + number * DAY_MS // 24, "1") for number in range(24 * DAYS)]
    positions = publish(place.settings, [as_record(event) for event in events])
    close(place)
    compute(place, ALL_DAYS)
    assert stored(place, "batch_averages") == known_of(left_of(events, positions, firsts), AVERAGES)


def test_stored_results_are_not_computed_again_by_what_is_left(place):
    """Another allowed_lateness indexes the log anew: what is left of it says less than the results do."""
    events = log_of(600)
    positions = publish(place.settings, [as_record(event) for event in events])
    close(place)
    compute(place, ALL_DAYS[:3])
    before = stored(place, "batch_averages")
    delete_share(place.settings, positions, 0.2)
    longer = Averages(0, 3 * DAY_MS, AVERAGES.max_ahead_ms, AVERAGES.averages)
    with pytest.raises(SmaError, match="no longer retains the Kafka offsets 0 to .* has changed which events are late"):
        extend(place, longer)
    assert stored(place, "batch_averages") == before
    extend(place)
