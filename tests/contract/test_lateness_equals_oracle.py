"""The rule of lateness against the oracle, on generated streams: which events are late, and what follows from it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from batch.reconciliation.recomputed import recomputation_filters
from batch.windows.spans import RowSpan, Span
from tests.support import oracle
from tests.support.memory_log import MemoryLog
from tests.support.streams import AVERAGES, HOUR, as_answers, as_log, oracle_rows, positions, streams

FAR = 10**15
DAY = 24 * HOUR
WHOLE = dict.fromkeys(range(3), FAR)
ALLOWED = st.one_of(st.integers(0, 3), st.integers(1, 16 * HOUR))


@st.composite
def spans_of_first_day(draw: st.DrawFn) -> list[Span]:
    """What stands before the day, and the day, read in a few spans; the day's rows computed in a few row spans."""
    anywhere, of_day = st.integers(-4 * HOUR, DAY - 1), st.integers(1, DAY - 1)
    cuts = sorted({-FAR, DAY, *draw(st.lists(anywhere, max_size=4))})
    cuts_of_rows = sorted({0, DAY, *draw(st.lists(of_day, max_size=3))})
    return [
        Span(
            start,
            end,
            tuple(
                RowSpan(max(first, start), min(until, end))
                for first, until in pairwise(cuts_of_rows)
                if max(first, start) < min(until, end)
            ),
        )
        for start, end in pairwise(cuts)
    ]


ENDS = st.lists(st.integers(0, 30), min_size=3, max_size=3).map(lambda ends: dict(enumerate(ends)))


def logs(stream, allowed_lateness_ms, block_events=3):
    return MemoryLog(as_log(stream), allowed_lateness_ms, block_events=block_events)


def of_first_day(answers):
    return {key: pair for key, pair in answers.items() if 0 <= key[2] < DAY}


def late_counts(frame, average):
    rows = frame.filter(frame["average"] == average.name, frame["late_event_count"] > 0)
    return {
        tuple(key): count for *key, count in rows.select("customer", "metric", "as_of_ms", "late_event_count").rows()
    }


@given(streams(), ALLOWED, st.integers(1, 9))
def test_an_event_is_late_as_the_oracle_says(stream, allowed_lateness_ms, step):
    places = positions(stream)
    late = sorted(places[place] for place in oracle.late_by_series(stream, allowed_lateness_ms))
    assert MemoryLog(as_log(stream), allowed_lateness_ms, step).late_positions() == late


@st.composite
def stamped_streams(draw: st.DrawFn):
    """A stream, and the timestamps that Kafka gave its records: mostly after the events, sometimes before."""
    stream = draw(streams())
    ahead = st.sampled_from([0, 0, 0, 1]).flatmap(lambda is_ahead: st.integers(-HOUR, is_ahead * 3 * HOUR))
    return stream, [event[2] - draw(ahead) for event in stream]


@given(stamped_streams(), ALLOWED, st.integers(1, 9))
def test_an_event_from_a_clock_that_is_ahead_counts_as_of_its_arrival(stamped, allowed_lateness_ms, step):
    stream, timestamps_ms = stamped
    places = positions(stream)
    late = sorted(places[place] for place in oracle.late_by_series(stream, allowed_lateness_ms, timestamps_ms))
    log = as_log(stream, timestamps_ms=timestamps_ms)
    assert MemoryLog(log, allowed_lateness_ms, step).late_positions() == late


@given(streams(), ALLOWED, spans_of_first_day())
def test_the_stream_must_have_emitted_the_windows_without_the_late_events(stream, allowed_lateness_ms, spans):
    late = oracle.late_by_series(stream, allowed_lateness_ms)
    used = [event for place, event in enumerate(stream) if place not in late]
    marked = [(*event[:3], "1" if place in late else "0") for place, event in enumerate(stream)]
    found = logs(stream, allowed_lateness_ms).rows(AVERAGES, spans, recomputation_filters(WHOLE, WHOLE, WHOLE))
    assert set(found) == {"batch", "stream"}
    for average in AVERAGES:
        assert as_answers(found["batch"], average) == of_first_day(oracle_rows(stream, average))
        assert as_answers(found["stream"], average) == of_first_day(oracle_rows(used, average))
        counts = {key: total // 10**6 for key, (total, _) in oracle_rows(marked, average).items() if total}
        assert late_counts(found["batch"], average) == of_first_day(counts)


@given(streams(), ALLOWED, ENDS, ENDS, spans_of_first_day())
def test_ranges_of_the_log_give_the_windows_of_the_oracle(stream, allowed_lateness_ms, read_to, committed, spans):
    late, places = oracle.late_by_series(stream, allowed_lateness_ms), positions(stream)
    numbered = list(enumerate(stream))
    read = [event for place, event in numbered if places[place][1] < read_to[places[place][0]]]
    stated = [
        event for place, event in numbered if place not in late and places[place][1] < committed[places[place][0]]
    ]
    found = logs(stream, allowed_lateness_ms).rows(AVERAGES, spans, recomputation_filters(read_to, committed, WHOLE))
    for average in AVERAGES:
        assert as_answers(found["batch"], average) == of_first_day(oracle_rows(read, average))
        assert as_answers(found["committed"], average) == of_first_day(oracle_rows(stated, average))


@given(streams(), ALLOWED)
def test_a_series_in_two_partitions_has_the_windows_over_all_of_its_events(stream, allowed_lateness_ms):
    places = [(place % 3, place) for place in range(len(stream))]
    events = as_log(stream, places)
    log = MemoryLog(events, allowed_lateness_ms)
    found = log.rows(AVERAGES, [Span(-FAR, 0, ()), Span(0, DAY, (RowSpan(0, DAY),))], together=[list(log.passes)])[
        "all"
    ]
    # between equal times the partitions stand one behind the other
    in_order = [stream[place] for _, place in sorted(places)]
    for average in AVERAGES:
        assert as_answers(found, average) == of_first_day(oracle_rows(in_order, average))
