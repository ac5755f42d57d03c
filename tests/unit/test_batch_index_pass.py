"""The pass that makes the offset index: what is late, what blocks say, and where the next pass goes on."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from batch.index.index_pass import Block, DayGain, IndexPass, PassEnd
from batch.log.reader import Chunk
from sma.durations import DAY_MS
from tests.support.memory_log import EVENTS_SCHEMA, MemoryLog

ALLOWED_LATENESS_MS = 10
NOTHING = PassEnd(0, None, None)


def index_pass(pass_end=NOTHING):
    """A pass in blocks of 3 events."""
    return IndexPass(pass_end, ALLOWED_LATENESS_MS, block_events=3)


def ints(*values):
    return np.array(values, np.int64)


def chunk(done, events=(), heartbeats=(), rejected=(), series="AA"):
    """Events are (Kafka offset, time); heartbeats likewise."""
    offsets, times = zip(*events, strict=True) if events else ((), ())
    beats, beat_times = zip(*heartbeats, strict=True) if heartbeats else ((), ())
    number = done.series.number(series, "delay")
    return Chunk(
        records=len(events) + len(heartbeats) + len(rejected),
        next_offset=max([*offsets, *beats, *rejected], default=0) + 5,
        series_ids=np.full(len(events), number, np.int32),
        event_times_ms=ints(*times),
        log_times_ms=ints(*times),
        values_micros=ints(*times),
        kafka_offsets=ints(*offsets),
        heartbeat_offsets=ints(*beats),
        heartbeat_times_ms=ints(*beat_times),
        rejected_offsets=ints(*rejected),
        reasons=("rubbish",) * len(rejected),
    )


def late_offsets(*events: tuple[int, str, int]) -> list[int]:
    """(partition, customer, event time), in the order of the log."""
    rows = [
        (customer, "delay", time_ms, 1, partition, offset)
        for offset, (partition, customer, time_ms) in enumerate(events)
    ]
    return [
        offset
        for _, offset in MemoryLog(
            pl.DataFrame(rows, EVENTS_SCHEMA, orient="row"), ALLOWED_LATENESS_MS, block_events=3
        ).late_positions()
    ]


def test_as_far_behind_as_is_allowed_is_not_late():
    assert late_offsets((0, "AA", 100), (0, "AA", 90), (0, "AA", 89)) == [2]


def test_a_late_event_and_another_series_hold_nothing_back():
    assert late_offsets((0, "AA", 100), (0, "B6", 1), (0, "AA", 1), (0, "AA", 95)) == [2]


def test_lateness_is_decided_by_partition():
    assert late_offsets((0, "AA", 100), (1, "AA", 1), (0, "AA", 1)) == [2]


def test_blocks_touch_and_count_every_record():
    done = index_pass()
    done.add(chunk(done, [(2, 100), (3, 105), (6, 1)], heartbeats=[(4, 200)], rejected=[5]))
    done.add(chunk(done, [(9, 120)], rejected=[7]))
    assert done.blocks == [
        # what stands behind the third event, and before the fourth, belongs to the first block or to the next
        Block(
            0, 7, events=2, late_events=1, rejected_events=1, heartbeats=1, min_event_time_ms=100, max_event_time_ms=105
        ),
        Block(7, 10, events=1, rejected_events=1, min_event_time_ms=120, max_event_time_ms=120),
    ]
    assert (done.next_offset, done.max_log_time_ms) == (10, 200)


def test_control_records_at_the_end_are_not_counted_as_read():
    done = index_pass()
    done.add(chunk(done, [(0, 5)]))
    done.add(chunk(done))
    assert (done.next_offset, len(done.blocks)) == (1, 1)


def test_times_at_the_epoch_are_times():
    done = index_pass()
    done.add(chunk(done, [(0, 0)]))
    done.add(chunk(done, [(1, 7), (2, -3)]))
    assert (done.blocks[0].min_event_time_ms, done.blocks[0].max_event_time_ms) == (-3, 7)


def test_the_next_pass_goes_on_as_one_pass_would():
    events = [(offset, time) for offset, time in enumerate([100, 140, 120, 131, 130, 90, 150, 139, 160])]
    whole = index_pass()
    late = list(whole.add(chunk(whole, events)).kafka_offsets)
    for cut in range(1, len(events)):
        first = index_pass()
        found = list(first.add(chunk(first, events[:cut])).kafka_offsets)
        max_times = {first.series[number]: time_ms for number, time_ms in first.max_log_times_by_series()}
        pass_end = PassEnd(
            first.next_offset,
            first.max_log_time_ms,
            first.blocks[-1],
            lambda names, known=max_times: {each: known[each] for each in names if each in known},
        )
        kept = [block for block in first.blocks if first.is_full(block)]
        second = index_pass(pass_end)
        found += list(second.add(chunk(second, events[cut:])).kafka_offsets)
        assert found == late
        assert kept + second.blocks == whole.blocks
        assert (second.next_offset, second.max_log_time_ms) == (whole.next_offset, whole.max_log_time_ms)


def test_events_are_counted_by_series_and_day_late_ones_apart():
    done = index_pass()
    done.add(chunk(done, [(0, DAY_MS - 1), (1, DAY_MS), (2, DAY_MS - 5), (3, DAY_MS - 11)]))
    done.add(chunk(done, [(4, DAY_MS + 1)]))
    assert sorted(done.day_counts()) == [(0, 0, 2, 1), (0, 1, 2, 0)]
    done.forget_written()
    assert list(done.day_counts()) == []


def test_a_day_knows_its_times_and_where_in_the_log_its_events_begin_and_end():
    done = index_pass()
    done.add(chunk(done, [(4, 7), (5, 2 * DAY_MS), (6, 3), (8, DAY_MS - 1), (9, 9)]))  # 6, 8 and 9 are late
    done.add(chunk(done, [(12, 5), (15, 2 * DAY_MS + 20), (16, 2 * DAY_MS + 11)], series="BB"))
    assert done.days == {
        0: DayGain(3, DAY_MS - 1, 2, 3, first_offset=0, next_offset=13, late_next_offset=10),
        2: DayGain(2 * DAY_MS, 2 * DAY_MS + 20, 3, 0, first_offset=0, next_offset=17),
    }
    done.forget_written()
    assert done.days == {}


@given(data=st.data())
def test_days_are_those_of_the_events_one_by_one_however_they_are_cut(data):
    times = data.draw(st.lists(st.integers(-3 * DAY_MS, 3 * DAY_MS), min_size=1, max_size=30))
    cut = data.draw(st.integers(0, len(times)))
    done = index_pass()
    late = set()
    for part in (list(enumerate(times))[:cut], list(enumerate(times))[cut:]):
        late |= set(done.add(chunk(done, part)).kafka_offsets.tolist())
    starts = [block.first_offset for block in done.blocks]
    assert done.days.keys() == {time // DAY_MS for time in times}
    for day, gain in done.days.items():
        held = {offset: time for offset, time in enumerate(times) if time // DAY_MS == day}
        in_time = held.keys() - late
        assert (gain.min_event_time_ms, gain.max_event_time_ms) == (min(held.values()), max(held.values()))
        assert (gain.events, gain.late_events) == (len(in_time), len(held.keys() & late))
        assert gain.next_offset == max(in_time, default=-1) + 1
        assert gain.late_next_offset == max(held.keys() & late, default=-1) + 1
        block_of_first = max((start for start in starts if in_time and start <= min(in_time)), default=None)
        assert gain.first_offset == block_of_first


def test_a_pass_looks_up_only_the_series_that_it_meets_and_says_where_new_ones_begin():
    asked = []

    def known(names):
        asked.extend(names)
        return {("old", "delay"): 100}

    done = index_pass(PassEnd(7, 100, None, known))
    late = [*done.add(chunk(done, [(7, 85)], series="old")).kafka_offsets]
    done.add(chunk(done, [(8, 100), (9, 101)], series="new"))
    assert asked == [("old", "delay"), ("new", "delay")]
    assert late == [7]
    assert {done.series[number]: offset for number, offset in done.first_offsets.items()} == {("new", "delay"): 8}
    assert [time_ms for _, time_ms in done.max_log_times_by_series()] == [100, 101]
    done.forget_written()
    assert (done.first_offsets, [*done.max_log_times_by_series()]) == ({}, [])
