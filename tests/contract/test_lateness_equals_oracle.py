"""The rule of lateness against the oracle, on generated streams: which events are late, and what follows from it."""

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from batch.answers import Answer
from batch.expected import LogAverages
from batch.lateness import judged
from batch.log import POSITIONS_SCHEMA, LogRead, PartitionRead
from batch.recompute import KEY
from sma.averages import Averages
from tests import oracle
from tests.contract.streams import AVERAGES, HOUR, as_answers, as_log, oracle_answers, positions, streams

FAR = 10**15
DAY = 24 * HOUR
ALLOWED = st.one_of(st.integers(0, 3), st.integers(1, 16 * HOUR))


def log_averages(stream, allowed_lateness_ms, confirmed) -> LogAverages:
    events = as_log(stream)
    partitions = tuple(
        PartitionRead(partition, 0, height, height, height, 0, 0, None)
        for partition in range(3)
        for height in [events.filter(pl.col("kafka_partition") == partition).height]
    )
    log = LogRead(events, pl.DataFrame(schema=POSITIONS_SCHEMA), partitions)
    return LogAverages(log, Averages(0, allowed_lateness_ms, 0, AVERAGES), confirmed)


def first_day(average, read_to=None) -> Answer:
    return Answer(date(1970, 1, 1), average.name, read_to or dict.fromkeys(range(3), FAR), FAR)


def of_first_day(answers):
    return {key: pair for key, pair in answers.items() if 0 <= key[2] < DAY}


@given(streams(), ALLOWED)
def test_an_event_is_late_as_the_oracle_says(stream, allowed_lateness_ms):
    late = judged(as_log(stream), allowed_lateness_ms).filter("is_late").select(*POSITIONS_SCHEMA)
    places = positions(stream)
    assert late.rows() == sorted(places[place] for place in oracle.late_by_series(stream, allowed_lateness_ms))


@given(streams(), ALLOWED)
def test_the_stream_must_have_said_the_windows_without_the_late_events(stream, allowed_lateness_ms):
    late = oracle.late_by_series(stream, allowed_lateness_ms)
    used = [event for place, event in enumerate(stream) if place not in late]
    marked = [(*event[:3], "1" if place in late else "0") for place, event in enumerate(stream)]
    averages = log_averages(stream, allowed_lateness_ms, {})
    for average in AVERAGES:
        expected = averages.expected(first_day(average))
        assert as_answers(expected.batch, average) == of_first_day(oracle_answers(stream, average))
        assert as_answers(expected.stream, average) == of_first_day(oracle_answers(used, average))
        late_counts = {
            key: value_sum // 10**6 for key, (value_sum, _) in oracle_answers(marked, average).items() if value_sum
        }
        found = {(customer, metric, as_of): count for customer, metric, _, as_of, count in expected.late.iter_rows()}
        assert found == of_first_day(late_counts)


@given(streams(), ALLOWED, st.lists(st.integers(0, 30), min_size=3, max_size=3))
def test_windows_in_flux_are_those_that_come_out_otherwise_from_what_was_confirmed(stream, allowed_lateness_ms, ends):
    late, places = oracle.late_by_series(stream, allowed_lateness_ms), positions(stream)
    used = [place for place in range(len(stream)) if place not in late]
    confirmed = [place for place in used if places[place][1] < ends[places[place][0]]]
    averages = log_averages(stream, allowed_lateness_ms, dict(enumerate(ends)))
    for average in AVERAGES:
        then, now = (oracle_answers([stream[place] for place in held], average) for held in (confirmed, used))
        differing = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
        expected = [(*key[:2], average.name, key[2]) for key in sorted(differing) if 0 <= key[2] < DAY]
        found = averages.in_flux(first_day(average))
        assert found.rows() == expected
        assert found.columns == KEY


@given(streams(), st.lists(st.integers(0, 30), min_size=3, max_size=3))
def test_the_batch_answer_follows_from_the_log_as_far_as_it_was_read(stream, ends):
    places = positions(stream)
    read = [event for event, (partition, offset) in zip(stream, places, strict=True) if offset < ends[partition]]
    averages = log_averages(stream, HOUR, {})
    for average in AVERAGES:
        for held, read_to in ((stream, None), (read, dict(enumerate(ends)))):
            expected = averages.expected(first_day(average, read_to))
            assert as_answers(expected.batch, average) == of_first_day(oracle_answers(held, average))
