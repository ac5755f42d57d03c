"""The events of one series, found through the offset index: none is missed, and little of the log is read."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.explain.series_events import Wanted, find_events
from batch.explain.series_index import IndexedSeries, on_days
from batch.log.offsets import OffsetRange
from batch.windows.window_events import SeriesEvent, window_of
from sma.averages import Average
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow
from tests.support import oracle
from tests.support.memory_log import MemoryLog
from tests.support.streams import AVERAGES, MINUTE, as_log, streams

LATENESS = 30 * MINUTE
FAR = 1 << 60


def in_one_partition(stream):
    return as_log(stream, [(0, offset) for offset in range(len(stream))])


def index_of(stream, indexed, block, wanted):
    """What the index holds of the series once it reaches `indexed`, with blocks of so many records."""
    late = oracle.late_by_series(stream[:indexed], LATENESS)
    newest = {}
    late_events = []
    for place, (customer, metric, time_ms, value) in enumerate(stream[:indexed]):
        key = (customer, metric)
        if place in late and key == (wanted.customer, wanted.metric) and wanted.from_ms <= time_ms < wanted.until_ms:
            late_events.append(SeriesEvent(0, place, time_ms, oracle.micros(value), newest[key]))
        newest[key] = max(time_ms, newest.get(key, time_ms))
    blocks = []
    for first in range(0, indexed, block):
        end = min(first + block, indexed)
        times = [stream[place][2] for place in range(first, end) if place not in late]
        if times and max(times) >= wanted.from_ms and min(times) < wanted.until_ms:
            blocks.append((first, end, min(times), max(times)))
    days = sorted(
        {
            time_ms // DAY_MS
            for place, (customer, metric, time_ms, _) in enumerate(stream[:indexed])
            if place not in late and (customer, metric) == (wanted.customer, wanted.metric)
        }
    )
    return IndexedSeries(
        0,
        indexed,
        max((time_ms for *_, time_ms, _ in stream[:indexed]), default=None),
        newest.get((wanted.customer, wanted.metric)),
        on_days(np.array(blocks, np.int64).reshape(-1, 4).T.copy(), days, wanted.from_ms, wanted.until_ms),
        tuple(late_events),
    )


@settings(max_examples=60)
@given(st.data(), st.sampled_from(AVERAGES), st.integers(1, 9), st.sampled_from([0, -5 * DAY_MS + 3]))
def test_the_window_comes_out_as_from_every_event(data, average, block, start_ms):
    stream = data.draw(streams(start_ms, max_size=30))
    if not stream:
        return
    indexed = data.draw(st.integers(0, len(stream)))
    point = data.draw(st.sampled_from(stream))[2] // average.every_ms + data.draw(st.integers(-1, 8))
    as_of_ms = point * average.every_ms + average.offset_ms
    customer, metric = data.draw(st.sampled_from([(customer, metric) for customer, metric, *_ in stream]))
    wanted = Wanted.of(average, as_of_ms, customer, metric)
    log = MemoryLog(in_one_partition(stream))

    found = find_events(
        wanted, index_of(stream, indexed, block, wanted), OffsetRange(0, len(stream)), LATENESS, log.read
    )

    late = oracle.late_by_series(stream, LATENESS)
    own = [place for place, each in enumerate(stream) if each[:2] == (customer, metric)]
    whole = [
        SeriesEvent(0, place, stream[place][2], oracle.micros(stream[place][3]), FAR if place in late else None)
        for place in own
    ]
    for counts in (lambda _: True, lambda event: not event.is_late):
        expected = window_of(average, as_of_ms, [event for event in whole if counts(event)])
        window = window_of(average, as_of_ms, [event for event in found.events if counts(event)])
        assert [event.position for event in window] == [event.position for event in expected]
        assert [event.value_micros for event in window] == [event.value_micros for event in expected]
        assert [event.is_late for event in window] == [event.is_late for event in expected]
    assert found.lost is None
    assert found.has_series
    assert found.max_log_time_ms == max(time_ms for *_, time_ms, _ in stream)
    assert found.records_end == len(stream)
    for event in found.events:
        if event.is_late:
            before = [each[2] for each in stream[: event.kafka_offset] if each[:2] == (customer, metric)]
            assert event.newest_before_ms == max(before)


def test_a_window_of_n_events_reads_the_newest_blocks_only():
    stream = [("a", "m", minute * MINUTE, "1") for minute in range(1_000)]
    wanted = Wanted.of(Average("last_3", CountWindow(3), MINUTE), 1_000 * MINUTE, "a", "m")
    reads = []

    def read(partition, start, end, table):
        reads.append((start, end))
        return MemoryLog(in_one_partition(stream)).read(partition, start, end, table)

    found = find_events(wanted, index_of(stream, 1_000, 10, wanted), OffsetRange(0, 1_000), LATENESS, read)
    assert reads == [(840, 1_000)]
    assert found.offsets_read == 160


def test_offsets_that_kafka_no_longer_has_are_reported_and_late_events_come_from_the_index():
    stream = [("a", "m", 100 * MINUTE, "1"), ("a", "m", 0, "2"), ("a", "m", 101 * MINUTE, "3")]
    wanted = Wanted.of(Average("day", DurationWindow(DAY_MS), DAY_MS), DAY_MS, "a", "m")
    found = find_events(wanted, index_of(stream, 3, 2, wanted), OffsetRange(2, 3), LATENESS, lambda *_: iter(()))
    assert found.lost == (0, 1)
    assert [(event.kafka_offset, event.is_late) for event in found.events] == [(1, True)]


def test_a_block_is_left_out_on_whose_days_the_series_has_no_event():
    blocks = np.array([(0, 9, 0, DAY_MS - 1), (9, 18, DAY_MS, 3 * DAY_MS)], np.int64).T.copy()
    assert on_days(blocks, [2], 0, FAR).tolist() == [[9], [18], [DAY_MS], [3 * DAY_MS]]
    assert on_days(blocks, [2], 0, 2 * DAY_MS).shape == (4, 0)
