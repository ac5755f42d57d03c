"""The batch layer's windows against the oracle, from the record's bytes to the pair, on generated streams."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.index.origins import KnownFrom
from tests.support import oracle
from tests.support.memory_log import recompute
from tests.support.moving_sum import MovingSum
from tests.support.streams import AVERAGES, HOUR, as_answers, as_log, known_rows, oracle_rows, streams

FAR = 10**15
STARTS = st.sampled_from([0, 1_357_034_400_000, -3 * HOUR - 1, -(10**13) + 7])


@given(st.data(), STARTS)
def test_every_window_equals_the_oracle(data, start_ms):
    stream = data.draw(streams(start_ms))
    computed = recompute(as_log(stream), AVERAGES, -FAR, FAR)
    for average in AVERAGES:
        assert as_answers(computed, average) == oracle_rows(stream, average)


@given(streams(), st.integers(-2 * HOUR, 20 * HOUR), st.integers(0, 10 * HOUR))
def test_a_range_holds_exactly_its_own_windows(stream, from_ms, length_ms):
    until_ms = from_ms + length_ms
    computed = recompute(as_log(stream), AVERAGES, from_ms, until_ms)
    for average in AVERAGES:
        everything = oracle_rows(stream, average)
        wanted = {key: pair for key, pair in everything.items() if from_ms <= key[2] < until_ms}
        assert as_answers(computed, average) == wanted


@given(streams())
def test_days_put_together_are_the_whole(stream):
    day = 24 * HOUR
    whole = recompute(as_log(stream), AVERAGES, 0, 2 * day)
    days = [recompute(as_log(stream), AVERAGES, start, start + day) for start in (0, day)]
    assert pl.concat(days).sort(whole.columns[:4]).equals(whole)


@given(streams(max_size=120), st.data())
def test_only_windows_that_are_known_have_rows(stream, data):
    series = sorted({event[:2] for event in stream})
    known_from = data.draw(st.dictionaries(st.sampled_from(series), st.integers(-HOUR, 15 * HOUR))) if series else {}
    computed = recompute(as_log(stream), AVERAGES, -FAR, FAR, known_from=KnownFrom(known_from))
    for average in AVERAGES:
        assert as_answers(computed, average) == known_rows(stream, average, known_from)


@pytest.mark.parametrize("average", AVERAGES, ids=lambda average: average.name)
@given(stream=streams())
def test_the_queue_with_an_incremental_sum_equals_the_oracle(average, stream):
    """`MovingSum` is itself held to the oracle, since other tests use it as one."""
    answers = {}
    for series in {(customer, metric) for customer, metric, _, _ in stream}:
        waiting = [(at, oracle.micros(value)) for *key, at, value in stream if tuple(key) == series]
        waiting.sort(key=lambda event: event[0])
        made = {as_of for at, _ in waiting for as_of in average.as_ofs_made_by(at)}
        queue = MovingSum(average.window)
        for as_of in sorted(made):
            while waiting and waiting[0][0] < as_of:
                queue.add(*waiting.pop(0))
            queue.advance_to(as_of)
            answers[(*series, as_of)] = (queue.value_sum_micros, queue.event_count)
    assert answers == oracle_rows(stream, average)
