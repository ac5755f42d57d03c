"""Which rows of differing days are computed again, and what differences are then classified by."""

from datetime import date

import polars as pl

from batch.reconciliation.recomputed import recomputed_rows, rows_to_recompute, windows_changed_since
from batch.results.batch_results import BatchResult
from batch.store.averages_schema import AVERAGES_SCHEMA
from batch.windows.partition_windows import EventFilter
from batch.windows.recompute import RowRequest

ONE, TWO = date(2013, 1, 1), date(2013, 1, 2)
LOG_END = {0: 9, 1: 5}
NOT_LATE = EventFilter(has_late=False)


def rows(*pairs, late=()):
    """Return rows of one series by as_of, each with a sum and a count."""
    frame = pl.DataFrame([("a", "m", "hour", *pair) for pair in pairs], AVERAGES_SCHEMA, orient="row")
    return frame.with_columns(pl.Series("late_event_count", late, pl.Int64)) if late else frame


def test_results_from_the_same_range_of_the_log_are_one_request():
    results = [
        BatchResult(ONE, "hour", LOG_END, 99),
        BatchResult(ONE, "day", LOG_END, 99),
        BatchResult(TWO, "day", LOG_END, 99),
    ]
    assert rows_to_recompute(results, LOG_END, LOG_END) == [
        RowRequest(
            {ONE: ["hour", "day"], TWO: ["day"]},
            {"batch": EventFilter(counts_late=True), "stream": NOT_LATE},
            until_ms=100,
        )
    ]


def test_a_result_from_less_of_the_log_is_a_request_of_its_own_that_ends_there():
    less = {0: 7, 1: 5}
    results = [BatchResult(ONE, "hour", less, 50), BatchResult(TWO, "hour", LOG_END, 99)]
    requests = rows_to_recompute(results, LOG_END, LOG_END)
    assert [(list(each.averages), each.until_ms) for each in requests] == [([ONE], 51), ([TWO], 100)]
    assert [each.filters["batch"].read_to for each in requests] == [less, None]


def test_what_the_stream_had_not_committed_is_computed_for_itself():
    committed = {0: 8, 1: 5}
    (request,) = rows_to_recompute([BatchResult(ONE, "hour", LOG_END, 99)], committed, LOG_END)
    assert request.filters["committed"] == EventFilter(committed, has_late=False)


def test_no_day_that_differs_is_no_request():
    assert rows_to_recompute([], LOG_END, LOG_END) == []


def test_windows_that_differ_up_to_the_committed_offsets_have_changed_since_the_snapshot():
    frames = {
        "batch": rows((10, 1, 1), (20, 7, 3), late=(0, 1)),
        "stream": rows((10, 1, 1), (20, 4, 2)),
        "committed": rows((10, 1, 1), (20, 3, 1)),
    }
    assert windows_changed_since(frames).rows() == [("a", "m", "hour", 20)]
    del frames["committed"]
    assert windows_changed_since(frames).is_empty()


def test_differences_are_classified_by_rows_with_and_without_late_events_and_their_number():
    batch, stream = rows((10, 1, 1), (20, 7, 3), late=(0, 1)), rows((10, 1, 1), (20, 4, 2))
    recomputed = recomputed_rows({"batch": batch, "stream": stream}, stream.head(0))
    assert recomputed.batch.rows() == [("a", "m", "hour", 10, 1, 1), ("a", "m", "hour", 20, 7, 3)]
    assert recomputed.stream.equals(stream)
    assert recomputed.late.rows() == [("a", "m", "hour", 20, 1)]
