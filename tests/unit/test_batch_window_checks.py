"""The row of each layer is checked against the sum of its events, whatever the log holds, and whenever."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.explain.layer_checks import Row, StoredResult, Verdict, Window, check_batch, check_stream
from batch.windows.window_events import Pair, SeriesEvent, pair_of, window_of
from sma.averages import Average
from sma.window import CountWindow, DurationWindow
from tests.support import oracle
from tests.support.streams import AVERAGES, MINUTE, oracle_rows, streams

LATENESS = 30 * MINUTE
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = Average("hour", DurationWindow(60), every_ms=10)
LAST_2 = Average("last_2", CountWindow(2), every_ms=10)


def as_events(stream, late=frozenset()):
    """The events of the series of a stream, at their places in the log."""
    return [
        SeriesEvent(0, place, time_ms, oracle.micros(value), time_ms + LATENESS + 1 if place in late else None)
        for place, (_, _, time_ms, value) in enumerate(stream)
    ]


def event(offset, time_ms, value, late_behind=None):
    return SeriesEvent(0, offset, time_ms, value, None if late_behind is None else time_ms + late_behind)


def row(pair, newest_offset=None):
    return None if pair is None else Row(Pair(*pair), Decimal(0), WHEN, newest_offset)


def result_of(read_to, low_watermark_ms=1_000):
    return StoredResult({0: read_to}, low_watermark_ms, "run", WHEN)


def oracle_pair(stream, average, as_of_ms):
    return oracle_rows(stream, average).get(("a", "m", as_of_ms))


@st.composite
def cases(draw):
    """A log of one series, an average, a point of its grid near the events, and how far a layer had read."""
    stream = [("a", "m", time_ms, value) for _, _, time_ms, value in draw(streams(max_size=12))]
    average = draw(st.sampled_from(AVERAGES))
    near = [time_ms for *_, time_ms, _ in stream] or [0]
    point = draw(st.sampled_from(near)) // average.every_ms + draw(st.integers(-1, 8))
    return stream, average, point * average.every_ms + average.offset_ms, draw(st.integers(0, len(stream)))


@settings(max_examples=50)
@given(cases())
def test_a_window_equals_that_of_the_oracle(case):
    stream, average, as_of_ms, _ = case
    pair = pair_of(window_of(average, as_of_ms, as_events(stream)))
    assert (pair and (pair.value_sum_micros, pair.event_count)) == oracle_pair(stream, average, as_of_ms)


@settings(max_examples=50)
@given(cases())
def test_a_streamed_row_that_equals_the_log_is_right_however_far_the_stream_had_read(case):
    stream, average, as_of_ms, read_to = case
    late = oracle.late_by_series(stream, LATENESS)
    used = [each for place, each in enumerate(stream[:read_to]) if place not in late]
    before = [place for place in range(read_to) if place not in late and stream[place][2] < as_of_ms]
    stored = row(oracle_pair(used, average, as_of_ms), max(before, default=None))
    window = Window(average, as_of_ms, as_events(stream, late))

    check = check_stream(window, stored, {0: read_to}, is_closed=None if read_to < len(stream) else True)

    whole = [each for place, each in enumerate(stream) if place not in late]
    now = oracle_pair(whole, average, as_of_ms)
    assert not check.is_wrong
    assert (check.verdict is Verdict.OUTDATED) == (stored is not None and stored.pair != row(now).pair)
    assert (check.verdict is Verdict.WAITING) == (stored is None and now is not None)


@settings(max_examples=50)
@given(cases(), st.sampled_from(["sum", "count", "gone", "extra"]))
def test_damage_to_a_streamed_row_is_detected(case, damage):
    stream, average, as_of_ms, _ = case
    late = oracle.late_by_series(stream, LATENESS)
    used = [each for place, each in enumerate(stream) if place not in late]
    right = oracle_pair(used, average, as_of_ms)
    stored = {
        "sum": right and (right[0] + 1, right[1]),
        "count": right and (right[0], right[1] + 1),
        "gone": None,
        "extra": right or (1, 1),
    }[damage]
    check = check_stream(
        Window(average, as_of_ms, as_events(stream, late)), row(stored, len(stream)), {0: len(stream)}, is_closed=True
    )
    assert check.is_wrong == (stored != right)
    assert (check.recomputed and (check.recomputed.value_sum_micros, check.recomputed.event_count)) == right


@settings(max_examples=50)
@given(cases(), st.integers(-1, 1))
def test_a_batch_row_is_checked_against_the_log_up_to_where_it_was_computed_from(case, damage):
    stream, average, as_of_ms, read_to = case
    right = oracle_pair(stream[:read_to], average, as_of_ms)
    stored = right and (right[0] + damage, right[1])
    late = oracle.late_by_series(stream, LATENESS)
    window = Window(average, as_of_ms, as_events(stream, late))

    check = check_batch(window, row(stored), result_of(read_to, as_of_ms))

    assert check.is_wrong == (stored != right)
    if not check.is_wrong:
        assert (check.verdict is Verdict.OUTDATED) == (right != oracle_pair(stream, average, as_of_ms))


def test_an_event_that_the_stream_has_read_and_not_used_is_a_loss():
    #   window [0, 60): offsets 0 and 1, and the row was computed from offset 0 only
    events = [event(0, 5, 7), event(1, 6, 8)]
    stored = row((7, 1), newest_offset=0)
    assert check_stream(Window(HOUR, 60, events), stored, {0: 1}, None).verdict is Verdict.OUTDATED
    assert check_stream(Window(HOUR, 60, events), stored, {0: 2}, True).verdict is Verdict.DIFFERENT


def test_the_streamed_row_of_one_of_two_partitions_is_told_from_a_wrong_one():
    #   partition 0: 7 at 5, partition 1: 8 at 6; the stream has a row of each, and keeps one
    events = [event(3, 5, 7), replace(event(1, 6, 8), kafka_partition=1)]
    window, read_to = Window(HOUR, 60, events), {0: 4, 1: 2}

    def verdict(pair, newest_offset):
        return check_stream(window, row(pair, newest_offset), read_to, True).verdict

    assert verdict((15, 2), 3) is Verdict.EQUAL
    assert verdict((7, 1), 3) is Verdict.OF_ONE_PARTITION
    assert verdict((8, 1), 1) is Verdict.OF_ONE_PARTITION
    assert verdict((7, 2), 3) is Verdict.DIFFERENT
    one = Window(HOUR, 60, [event(0, 5, 7), event(1, 6, 8)])
    assert check_stream(one, row((8, 1), 1), {0: 2}, True).verdict is Verdict.DIFFERENT


def test_a_late_event_pushes_an_older_one_out_of_a_window_of_n_events_in_the_batch_layer_only():
    events = [event(0, 51, 1), event(1, 52, 2), event(2, 57, 4), event(3, 55, 8, late_behind=3)]
    window = Window(LAST_2, 60, events)
    stream, batch = check_stream(window, row((6, 2), 2), {0: 4}, True), check_batch(window, row((12, 2)), result_of(4))
    assert (stream.verdict, [each.kafka_offset for each in stream.window]) == (Verdict.EQUAL, [1, 2])
    assert (batch.verdict, [each.kafka_offset for each in batch.window]) == (Verdict.EQUAL, [3, 2])


@pytest.mark.parametrize(
    ("stored", "low_watermark_ms", "verdict"),
    [
        (None, 59, Verdict.WAITING),
        (None, 60, Verdict.MISSING),
        ((7, 1), 60, Verdict.EQUAL),
        ((7, 1), 59, Verdict.EQUAL),
        ((8, 1), 60, Verdict.DIFFERENT),
    ],
)
def test_a_batch_row_is_due_once_the_batch_result_covers_its_window(stored, low_watermark_ms, verdict):
    window = Window(HOUR, 60, [event(0, 5, 7)])
    assert check_batch(window, row(stored), result_of(1, low_watermark_ms)).verdict is verdict


def test_nothing_is_checked_where_events_are_gone():
    window = Window(HOUR, 60, None)
    assert check_stream(window, row((1, 1)), {}, True).verdict is Verdict.UNCHECKED
    assert check_batch(window, None, result_of(9)).verdict is Verdict.UNCHECKED
