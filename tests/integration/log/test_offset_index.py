"""A day from the log by way of the offset index, on the real services: equal to the oracle, whatever the log is like.

The stream takes no part: what is written is what the log says.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from batch.index.log_index import read_index
from batch.index.side_outputs import read_by_rule
from batch.log.limits import WorkLimits
from batch.pipeline import compute_batch_days
from sma.averages import Averages
from sma.days import day_of
from sma.durations import DAY_MS
from sma.errors import SmaError
from tests.support import oracle
from tests.support.month_of_events import (
    AVERAGES,
    DAYS,
    HOUR,
    START,
    as_record,
    close,
    compute,
    expected_of,
    extend,
    log_of,
    of_day,
)
from tests.support.publishing import Sent, delete_before, publish
from tests.support.stored import stored
from tests.support.touched_days import days_touched

ALONE = 6


@pytest.fixture
def connection(place):
    with psycopg.connect(place.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


SMALL = WorkLimits(chunk_events=50, chunk_rows=300, bridged_offsets=0)  # so that a small log has many spans
IN_PROCESSES = replace(SMALL, process_offsets=0)


def extend_in_small_blocks(place):
    """Index in blocks so small that a small log has many of them."""
    return extend(place, block_events=16)


def days_of(first, last):
    return [day_of(START + number * DAY_MS) for number in range(first, last + 1)]


def test_days_in_any_order_are_the_oracles(place):
    events = log_of()
    expected = expected_of(events)
    for part in range(0, len(events), 1_100):
        publish(place.settings, [as_record(event) for event in events[part : part + 1_100]])
        extend_in_small_blocks(place)
    close(place)
    assert days_touched(place.settings, AVERAGES, print) == days_of(0, DAYS + 1)
    days = days_of(0, DAYS + 2)
    random.Random(3).shuffle(days)
    skipped = 0
    for day in days[:ALONE]:
        computed = compute(place, [day], limits=SMALL)
        skipped += computed.offsets_skipped
        assert computed.offsets_read + computed.offsets_skipped == sum(computed.index.read_to.values())
    assert skipped > 0.3 * ALONE * len(events)
    held = stored(place, "batch_averages")
    for day in days[:ALONE]:
        assert of_day(held, day) == of_day(expected, day), day
    # all the rest at once, with gaps where days were computed before
    compute(place, days[ALONE:], limits=SMALL)
    assert stored(place, "batch_averages") == expected


def test_days_worked_out_in_processes_are_the_oracles(place):
    events = log_of()
    publish(place.settings, [as_record(event) for event in events])
    close(place)
    extend_in_small_blocks(place)
    compute(place, days_of(0, DAYS + 2), limits=IN_PROCESSES)
    assert stored(place, "batch_averages") == expected_of(events)


def test_the_index_equals_the_log(place, connection):
    events = log_of(2_000)
    rubbish = [Sent(b"rubbish", START), Sent(None, START)]
    positions = publish(place.settings, [as_record(event) for event in events] + rubbish)
    late = {positions[at] for at in oracle.late_by_series(events, AVERAGES.allowed_lateness_ms)}
    assert 0.02 < len(late) / len(events) < 0.2
    report = extend_in_small_blocks(place)
    assert (report.records, report.events, report.late_events, report.rejected_events) == (2_002, 2_000, len(late), 2)
    close(place)
    assert (extend_in_small_blocks(place).records, extend_in_small_blocks(place).records) == (4, 0)
    index = read_index(connection)
    assert index.records == 2_006
    assert sum(held.heartbeats for held in index.partitions) == 4
    by_rule = read_by_rule(connection)
    assert set(by_rule.late.rows()) == late
    assert set(by_rule.rejected.rows()) == set(positions[-2:])
    blocks = connection.execute(
        "SELECT kafka_partition, first_offset, next_offset FROM sma.offset_blocks ORDER BY 1, 2"
    ).fetchall()
    for partition in index.partitions:
        cuts = [(first, end) for held, first, end in blocks if held == partition.kafka_partition]
        ends = [0, *(end for _, end in cuts)]
        assert [first for first, _ in cuts] == ends[:-1]
        assert ends[-1] == partition.next_offset


def test_partitions_are_indexed_in_processes_as_in_one(place, connection):
    events = log_of(1_000)
    publish(place.settings, [as_record(event) for event in events])
    report = extend(place, limits=IN_PROCESSES)
    assert report.late_events == len(oracle.late_by_series(events, AVERAGES.allowed_lateness_ms))
    assert read_index(connection).records == report.records == len(events)


def test_two_that_extend_the_index_at_once_index_each_record_once(place, connection):
    publish(place.settings, [as_record(event) for event in log_of(2_000)])
    with ThreadPoolExecutor() as pool:
        reports = [one.result() for one in [pool.submit(extend_in_small_blocks, place) for _ in range(3)]]
    assert sum(report.records for report in reports) == 2_000
    assert read_index(connection).records == 2_000


def test_an_empty_log_is_indexed_and_closes_nothing(place, connection):
    extend(place)
    assert [held.next_offset for held in read_index(connection).partitions] == [0, 0, 0, 0]
    with pytest.raises(SmaError, match="no partition of the log holds an event or a heartbeat"):
        compute(place, days_of(0, 0), limits=SMALL)


def test_another_allowed_lateness_indexes_the_log_again(place, connection):
    events = log_of(600)
    publish(place.settings, [as_record(event) for event in events])
    extend(place)
    longer = Averages(0, 3 * DAY_MS, AVERAGES.max_ahead_ms, AVERAGES.averages)
    extend(place, longer)
    late = oracle.late_by_series(events, longer.allowed_lateness_ms)
    assert read_by_rule(connection).late.height == len(late)
    assert read_index(connection).records == len(events)


def test_a_series_that_a_producer_spreads_over_partitions_still_has_its_windows(place):
    events = log_of(600)
    scattered = [as_record(event, partition=number % 4) for number, event in enumerate(events)]
    positions = publish(place.settings, scattered)
    close(place)
    extend_in_small_blocks(place)
    compute(place, days_of(0, DAYS + 2), limits=SMALL)
    in_order = [event for _, event in sorted(zip(positions, events, strict=True))]
    assert stored(place, "batch_averages") == expected_of(in_order)


def test_a_day_computed_alone_has_the_events_of_before_its_series_moved(place):
    moved = [("acme", "a", START + number * HOUR, f"{number}") for number in range(20)]
    since = [("acme", "a", START + 9 * DAY_MS + number * HOUR, f"{number}") for number in range(3)]
    publish(place.settings, [as_record(event, partition=1) for event in moved])
    publish(place.settings, [as_record(event, partition=0) for event in since])
    close(place)
    extend_in_small_blocks(place)
    day = day_of(START + 9 * DAY_MS)
    compute(place, [day])
    assert stored(place, "batch_averages") == of_day(expected_of(moved + since), day)


def test_days_that_kafka_no_longer_has_are_refused_and_others_are_not(place, connection):
    events = [event for event in log_of() if event[0] == "busy"]
    publish(place.settings, [as_record(event) for event in events])
    close(place)
    extend_in_small_blocks(place)
    compute(place, days_of(0, 2), limits=SMALL)
    before = stored(place, "batch_averages")
    half = {held.kafka_partition: held.next_offset // 2 for held in read_index(connection).partitions}
    delete_before(place.settings, half)
    with pytest.raises(SmaError, match=r"2013-01-02 to 2013-01-0\d: .* no longer retains the Kafka offsets 0 to \d+"):
        compute(place, days_of(1, 3), limits=SMALL)
    with pytest.raises(SmaError, match="2013-01-03: .* no longer retains"):
        compute(place, days_of(2, 2), limits=SMALL)
    assert stored(place, "batch_averages") == before
    compute(place, days_of(25, 26), limits=SMALL)
    held, expected = stored(place, "batch_averages"), expected_of(events)
    assert of_day(held, days_of(25, 25)[0]) == of_day(expected, days_of(25, 25)[0])


def test_what_was_never_indexed_and_is_gone_is_refused(place):
    publish(place.settings, [as_record(event) for event in log_of(400)])
    extend(place)
    publish(place.settings, [as_record(event) for event in log_of(400)])
    delete_before(place.settings, dict.fromkeys(range(4), -1))
    with pytest.raises(SmaError, match="no longer retains the Kafka offsets .* and the index ends before them"):
        compute(place, days_of(0, 0), limits=SMALL)


def test_an_index_of_another_kafka_is_refused(place, connection):
    extend(place)
    connection.execute("UPDATE sma.indexed_partitions SET next_offset = 9")
    with pytest.raises(SmaError, match="ends at Kafka offset 0, but was indexed to 9: is this another Kafka"):
        extend(place)


def test_a_run_that_goes_on_leaves_finished_days_as_they_are(place, connection):
    publish(place.settings, [as_record(event) for event in log_of(600)])
    close(place)
    extend_in_small_blocks(place)

    class Killed(Exception):
        pass

    def kill(text):
        if text.startswith("reading"):
            raise Killed

    compute(place, days_of(3, 5), "first", resume_key="backfill", limits=SMALL)
    connection.execute("UPDATE sma.batch_days SET resume_key = 'backfill'")  # as a run leaves them that was killed
    written = connection.execute("SELECT day, run_id, written_at FROM sma.batch_days ORDER BY 1, average").fetchall()
    with pytest.raises(Killed):
        compute_batch_days(place.settings, AVERAGES, days_of(0, 9), "second", kill, resume_key="backfill", limits=SMALL)
    said = []
    computed = compute(place, days_of(0, 9), "third", said.append, resume_key="backfill", limits=SMALL)
    assert computed.already_written == tuple(days_of(3, 5))
    assert any("3 of 10 days are finished already" in text for text in said)
    assert {held.result.day for held in computed.written} == set(days_of(0, 2) + days_of(6, 9))
    now = connection.execute(
        "SELECT day, run_id, written_at FROM sma.batch_days WHERE run_id = 'first' ORDER BY 1, average"
    ).fetchall()
    assert now == written
    assert compute(place, days_of(3, 5), "fourth", limits=SMALL).already_written == ()


def test_finished_work_is_done_again_when_it_is_started_again(place):
    publish(place.settings, [as_record(event) for event in log_of(300)])
    close(place)
    extend_in_small_blocks(place)
    compute(place, days_of(3, 5), resume_key="backfill", limits=SMALL)
    assert compute(place, days_of(3, 5), resume_key="backfill", limits=SMALL).already_written == ()


def test_an_event_that_comes_days_late_changes_the_days_it_belongs_to(place):
    events = log_of(900)
    publish(place.settings, [as_record(event) for event in events])
    close(place)
    extend_in_small_blocks(place)
    compute(place, days_of(0, DAYS + 2), limits=SMALL)
    late = ("busy", "a", START + 5 * DAY_MS + HOUR, "123.456789")
    publish(place.settings, [as_record(late)])
    extend_in_small_blocks(place)
    computed = compute(place, days_of(5, 7), limits=SMALL)
    assert sum(held.late_events for held in computed.index.partitions) > 0
    assert sum(held.rows_written for held in computed.written) > 0
    held, expected = stored(place, "batch_averages"), expected_of([*events, late])
    for day in days_of(5, 7):
        assert of_day(held, day) == of_day(expected, day)
