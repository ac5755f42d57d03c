"""How a range of time is cut up: nothing is left out, nothing is read twice, and no chunk is larger than stated."""

from hypothesis import given
from hypothesis import strategies as st

from batch.log.limits import WorkLimits
from batch.windows.spans import RowSpan, Span, spans
from sma.averages import Average
from sma.durations import DAY_MS
from sma.window import CountWindow

HOURLY = (Average("last", CountWindow(5), DAY_MS // 24),)


SMALL = WorkLimits(chunk_events=100, chunk_rows=48)


def cut(warm_up, days, events, series=1):
    from_day, until_day = days
    return list(spans(warm_up, from_day * DAY_MS, until_day * DAY_MS, events, HOURLY, series, SMALL))


def test_adjacent_days_are_read_at_once_and_each_has_its_own_rows():
    assert cut([4], (5, 7), {4: 10, 5: 40, 6: 50}) == [
        Span(4 * DAY_MS, 7 * DAY_MS, (RowSpan(5 * DAY_MS, 6 * DAY_MS), RowSpan(6 * DAY_MS, 7 * DAY_MS)))
    ]


def test_days_with_a_gap_between_them_are_read_apart():
    assert cut([1, 4], (5, 6), {}) == [
        Span(DAY_MS, 2 * DAY_MS, ()),
        Span(4 * DAY_MS, 6 * DAY_MS, (RowSpan(5 * DAY_MS, 6 * DAY_MS),)),
    ]


def test_a_day_with_more_events_or_rows_than_a_chunk_is_cut():
    half = DAY_MS // 2
    (first, second) = cut([], (0, 1), {0: 200})
    assert (first.until_ms, second.from_ms) == (half, half)
    (whole,) = cut([], (0, 1), {0: 10}, series=4)
    assert whole.row_spans == (RowSpan(0, half), RowSpan(half, DAY_MS))


@given(
    st.sets(st.integers(-9, -1)),
    st.integers(1, 5 * DAY_MS),
    st.dictionaries(st.integers(-9, 5), st.integers(0, 350)),
    st.integers(1, 7),
)
def test_a_range_is_covered_once(warm_up, until_ms, events, series):
    found = list(spans(sorted(warm_up), 0, until_ms, events, HOURLY, series, SMALL))
    covered = [bounds for span in found for bounds in (span.from_ms, span.until_ms)]
    assert covered == sorted(covered)
    length = sum(span.until_ms - span.from_ms for span in found)
    assert length == until_ms + len(warm_up) * DAY_MS
    row_spans = [each for span in found for each in span.row_spans]
    assert [row_spans[0].from_ms, *(each.until_ms for each in row_spans)] == [
        *(each.from_ms for each in row_spans),
        until_ms,
    ]
    for span in found:
        for each in span.row_spans:
            assert span.from_ms <= each.from_ms < each.until_ms <= span.until_ms
            assert each.from_ms // DAY_MS == (each.until_ms - 1) // DAY_MS
