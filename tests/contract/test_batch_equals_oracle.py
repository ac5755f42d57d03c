"""The batch layer's windows against the oracle, from the record's bytes to the pair, on generated streams."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.log import EVENTS_SCHEMA
from batch.recompute import recompute
from sma.averages import Average
from sma.event import Event, read_record
from sma.window import DurationWindow, MovingSum
from tests import oracle
from tests.contract.streams import AVERAGES, HOUR, streams

FAR = 10**15
STARTS = st.sampled_from([0, 1_357_034_400_000, -3 * HOUR - 1, -(10**13) + 7])


def as_frame(stream) -> pl.DataFrame:
    """Read each event as the batch layer reads a record of the log."""
    events = []
    for customer, metric, event_time_ms, value in stream:
        raw = json.dumps({"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}).encode()
        event = read_record(raw, event_time_ms, 0)
        assert isinstance(event, Event), event
        events.append((event.customer, event.metric, event.event_time_ms, event.value_micros, 0, len(events)))
    return pl.DataFrame(events, EVENTS_SCHEMA, orient="row")


def as_answers(frame: pl.DataFrame, average: Average) -> dict:
    rows = frame.filter(pl.col("average") == average.name).iter_rows(named=True)
    return {
        (row["customer"], row["metric"], row["as_of_ms"]): (row["value_sum_micros"], row["event_count"]) for row in rows
    }


@given(st.data(), STARTS)
def test_every_window_equals_the_oracle(data, start_ms):
    stream = data.draw(streams(start_ms))
    computed = recompute(as_frame(stream), AVERAGES, -FAR, FAR)
    for average in AVERAGES:
        assert as_answers(computed, average) == oracle.windows(stream, average.window_ms, average.every_ms)


@given(streams(), st.integers(-2 * HOUR, 20 * HOUR), st.integers(0, 10 * HOUR))
def test_a_range_holds_exactly_its_own_windows(stream, from_ms, length_ms):
    until_ms = from_ms + length_ms
    computed = recompute(as_frame(stream), AVERAGES, from_ms, until_ms)
    for average in AVERAGES:
        everything = oracle.windows(stream, average.window_ms, average.every_ms)
        wanted = {key: pair for key, pair in everything.items() if from_ms <= key[2] < until_ms}
        assert as_answers(computed, average) == wanted


@given(streams())
def test_days_put_together_are_the_whole(stream):
    day = 24 * HOUR
    whole = recompute(as_frame(stream), AVERAGES, 0, 2 * day)
    days = [recompute(as_frame(stream), AVERAGES, start, start + day) for start in (0, day)]
    assert pl.concat(days).sort(whole.columns[:4]).equals(whole)


@pytest.mark.parametrize("average", AVERAGES, ids=lambda average: average.name)
@given(stream=streams())
def test_the_queue_with_an_incremental_sum_equals_the_oracle(average, stream):
    """`MovingSum` is itself held to the oracle, since other tests use it as one."""
    answers = {}
    for series in {(customer, metric) for customer, metric, _, _ in stream}:
        waiting = sorted((at, oracle.micros(value)) for *key, at, value in stream if tuple(key) == series)
        queue = MovingSum(DurationWindow(average.window_ms))
        last = average.as_ofs_covering(waiting[-1][0])[-1]
        for as_of in range(average.as_ofs_covering(waiting[0][0])[0], last + 1, average.every_ms):
            while waiting and waiting[0][0] < as_of:
                queue.add(*waiting.pop(0))
            queue.advance_to(as_of)
            if queue.event_count:
                answers[(*series, as_of)] = (queue.value_sum_micros, queue.event_count)
    assert answers == oracle.windows(stream, average.window_ms, average.every_ms)
