"""Stream against batch: each kind of difference is found, and only late events explain one."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.reconciliation.classify import DIFFERENCES_SCHEMA, Recomputed, classify_differences, compare, summarize
from batch.reconciliation.compare_days import CountedDay, classify_days
from batch.reconciliation.compare_in_database import RowCounts
from batch.results.batch_results import BatchResult
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.windows.recompute import RecomputedDay
from sma.averages import Average
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow
from tests.support.memory_log import recompute

LATE_SCHEMA = dict(list(AVERAGES_SCHEMA.items())[:4]) | {"late_event_count": pl.Int64}

Row = tuple[str, str, str, int, int, int]


def rows(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), AVERAGES_SCHEMA, orient="row")


def row(as_of_ms: int, value_sum_micros: int = 5, event_count: int = 2) -> Row:
    return ("AA", "delay", "ten", as_of_ms, value_sum_micros, event_count)


def classified(
    streamed, batch, *, recomputed_stream=None, recomputed_batch=None, late=None, of_one_partition=()
) -> pl.DataFrame:
    recomputed = Recomputed(
        of_one_partition=rows(*of_one_partition),
        batch=batch if recomputed_batch is None else recomputed_batch,
        stream=streamed if recomputed_stream is None else recomputed_stream,
        late=pl.DataFrame([(*row(as_of_ms)[:4], count) for as_of_ms, count in late or ()], LATE_SCHEMA, orient="row"),
    )
    return classify_differences(compare(streamed, batch), recomputed)


def equal(streamed: pl.DataFrame, batch: pl.DataFrame) -> int:
    return streamed.join(batch, on=streamed.columns).height


def test_equal_windows_are_no_difference():
    assert compare(rows(row(10)), rows(row(10))).is_empty()


@pytest.mark.parametrize(
    ("streamed", "batch", "difference_class"),
    [
        ([row(10, 5)], [row(10, 6)], "changed"),
        ([row(10, 5, 1)], [row(10, 5, 2)], "changed"),
        ([], [row(10)], "missing_in_stream"),
        ([row(10)], [], "extra_in_stream"),
    ],
)
def test_each_kind_of_difference_has_its_class(streamed, batch, difference_class):
    differences = classified(rows(*streamed), rows(*batch))
    assert differences["class"].to_list() == [difference_class]
    assert dict(differences.schema) == DIFFERENCES_SCHEMA


def test_a_window_that_only_held_late_events_is_missing_in_stream_and_explained():
    differences = classified(rows(), rows(row(10, 5, 1)), late=[(10, 1)])
    assert differences.select("is_explained", "late_event_count").rows() == [(True, 1)]


def test_a_streamed_pair_that_is_not_the_log_without_late_events_is_unexplained():
    differences = classified(
        rows(row(10, 4, 1)), rows(row(10, 9, 2)), recomputed_stream=rows(row(10, 5, 1)), late=[(10, 1)]
    )
    assert differences["is_explained"].to_list() == [False]


# the events of the window are 2 + 3 in partition 0, and 4 in partition 1
BOTH, FIRST, SECOND = row(10, 9, 3), row(10, 5, 2), row(10, 4, 1)


@pytest.mark.parametrize("streamed", [FIRST, SECOND])
def test_the_window_of_one_of_two_partitions_is_explained_as_such(streamed):
    differences = classified(
        rows(streamed), rows(BOTH), recomputed_stream=rows(BOTH), of_one_partition=[FIRST, SECOND, row(20)]
    )
    assert differences.select("is_explained", "of_one_partition").rows() == [(True, True)]
    assert summarize(0, differences).of_one_partition == 1


@pytest.mark.parametrize(
    ("streamed", "batch"),
    [
        ([row(10, 5, 1)], BOTH),  # a loss within a partition
        ([], BOTH),  # neither partition's window is there
        ([row(20, 5, 2)], row(20, 9, 3)),  # a pair of another window
        ([FIRST], row(10, 8, 3)),  # the batch row is wrong
    ],
)
def test_what_no_partition_makes_is_unexplained_in_two_partitions_too(streamed, batch):
    right = rows(BOTH, row(20, 9, 3))
    differences = classified(
        rows(*streamed),
        rows(batch),
        recomputed_stream=right,
        recomputed_batch=right,
        of_one_partition=[FIRST, SECOND],
    )
    assert differences.select("is_explained", "of_one_partition").rows() == [(False, False)]


def test_late_events_explain_a_window_of_a_series_in_two_partitions_too():
    differences = classified(
        rows(FIRST), rows(BOTH), recomputed_stream=rows(FIRST), late=[(10, 1)], of_one_partition=[FIRST]
    )
    assert differences.select("is_explained", "of_one_partition").rows() == [(True, False)]


def test_a_batch_pair_that_is_not_the_log_is_unexplained_even_where_the_stream_is_right():
    differences = classified(rows(row(10, 5, 1)), rows(row(10, 6, 1)), recomputed_batch=rows(row(10, 5, 1)))
    assert differences["is_explained"].to_list() == [False]


def test_the_four_classes_add_up_to_every_window_that_either_layer_has():
    streamed, batch = rows(row(10), row(20, 1), row(40)), rows(row(10), row(20, 2), row(30))
    summary = summarize(equal(streamed, batch), classified(streamed, batch))
    assert (summary.equal, summary.changed, summary.missing_in_stream, summary.extra_in_stream) == (1, 1, 1, 1)
    assert summary.windows_compared == 4
    assert summary.explained + summary.unexplained == 3


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.just("delay"), st.integers(-50, 50), st.integers(-9, 9), st.booleans()),
        max_size=30,
    ),
    st.one_of(
        st.builds(DurationWindow, st.sampled_from([10, 20, 50])), st.builds(CountWindow, st.sampled_from([1, 2, 5]))
    ),
)
def test_late_events_explain_every_difference_they_make(events, window):
    average = Average("moving", window, 10)
    schema = ["customer", "metric", "event_time_ms", "value_micros", "is_late"]
    log = pl.DataFrame(
        events, dict(zip(schema, [pl.String, pl.String, pl.Int64, pl.Int64, pl.Boolean], strict=True)), orient="row"
    )
    batch, stream, late = (
        recompute(part, [average], -1_000, 1_000)
        for part in (
            log,
            log.filter(~pl.col("is_late")),
            log.with_columns(value_micros=pl.col("is_late").cast(pl.Int64)),
        )
    )
    late = late.filter(pl.col("value_sum_micros") > 0).select(*KEY, late_event_count="value_sum_micros")
    differences = classify_differences(compare(stream, batch), Recomputed(batch, stream, late))
    summary = summarize(equal(stream, batch), differences)
    assert summary.unexplained == 0
    assert summary.extra_in_stream == 0
    assert summary.windows_compared == batch.height
    touched = late.select("customer", "as_of_ms").rows()
    assert set(differences.select("customer", "as_of_ms").rows()) <= set(touched)


@given(st.data())
def test_damage_of_every_kind_is_found_and_nothing_else(data):
    log = [row(as_of_ms, as_of_ms * 7, 3) for as_of_ms in range(10, 500, 10)]
    damage = {"missing": None, "sum": (1, 0), "count": (0, 1)}
    damaged = data.draw(st.dictionaries(st.sampled_from(range(len(log))), st.sampled_from(sorted(damage)), max_size=9))
    extra = data.draw(st.sets(st.integers(60, 70), max_size=3))
    streamed = []
    for index, (*key, value_sum, count) in enumerate(log):
        change = damage[damaged[index]] if index in damaged else (0, 0)
        if change is not None:
            streamed.append((*key, value_sum + change[0], count + change[1]))
    streamed += [row(as_of * 10) for as_of in extra]
    differences = classified(rows(*streamed), rows(*log), recomputed_stream=rows(*log))
    recomputed = {log[index][3] for index in damaged} | {as_of * 10 for as_of in extra}
    assert set(differences["as_of_ms"]) == recomputed
    assert not differences["is_explained"].any()


def test_rows_that_were_counted_and_are_then_not_returned_are_refused():
    day = date(2013, 1, 1)
    counted = CountedDay(BatchResult(day, "hour", {0: 9}, 0), RowCounts(streamed=0, batch=5, equal=0), seconds=0)
    recomputed = [RecomputedDay(day, ("hour",), spans=())]
    with pytest.raises(SmaError, match=r"2013-01-01, average hour: .* counted 0 streamed and 5 .* returned 0 and 0"):
        classify_days(None, [counted], recomputed, {}, print)
