"""Rows of several tasks, in files, come out as one frame: sorted by name and time, each sum to the last digit."""

import pickle

import numpy as np
import polars as pl

from batch.store.averages_schema import AVERAGES_SCHEMA
from batch.windows.day_rows import SpanRows, _Spooled
from batch.windows.partition_windows import LOW_BITS, EventFilter, Rows

LARGEST = 10**38 - 1


def spooled(tmp_path, name, names, rows):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(rows))
    frame = pl.DataFrame(names, {"customer": pl.String, "metric": pl.String}, orient="row")
    return _Spooled({(rows.event_filter, rows.average): path}, frame)


def ints(*values):
    return np.array(values, np.int64)


def lanes(*sums):
    return ints(*(total >> LOW_BITS for total in sums)), ints(*(total & ((1 << LOW_BITS) - 1) for total in sums))


def test_tasks_are_put_together_by_name(tmp_path):
    large = (1 << 80) + 7
    # the series of the first task that was told of last has no rows in this slice
    one = Rows(
        "all", "hour", ints(2, 1), ints(10, 20, 10), (ints(1, 2, -3),), np.array([4, 5, 6], np.int32), ints(0, 2, 0)
    )
    two = Rows(
        "all",
        "hour",
        ints(1, 2),
        ints(20, 10, 20),
        lanes(large, -large, -1),
        np.array([7, 8, 9], np.int32),
        ints(0, 1, 0),
    )
    files = (
        spooled(tmp_path, "one", [("b", "m"), ("a", "z"), ("c", "m")], one),
        spooled(tmp_path, "two", [("d", "m"), ("a", "m")], two),
    )
    ((name, rows),) = SpanRows(0, 30, {"all": EventFilter(counts_late=True)}, files).frames("hour")
    assert name == "all"
    assert dict(rows.schema) == {**AVERAGES_SCHEMA, "late_event_count": pl.Int64}
    assert rows.rows() == [
        ("a", "m", "hour", 10, -large, 8, 1),
        ("a", "m", "hour", 20, -1, 9, 0),
        ("a", "z", "hour", 10, -3, 6, 0),
        ("b", "m", "hour", 10, 1, 4, 0),
        ("b", "m", "hour", 20, 2, 5, 2),
        ("d", "m", "hour", 20, large, 7, 0),
    ]


def test_each_filter_has_a_frame_and_only_one_that_counts_late_events_counts_them(tmp_path):
    counts = np.array([3], np.int32)
    batch = Rows("batch", "hour", ints(1), ints(10), (ints(6),), counts, ints(1))
    stream = Rows("stream", "hour", ints(1), ints(10), (ints(4),), counts - 1, None)
    held = [spooled(tmp_path, rows.event_filter, [("a", "m")], rows) for rows in (batch, stream)]
    file = _Spooled(held[0].paths | held[1].paths, held[0].names)
    filters = {"batch": EventFilter(counts_late=True), "stream": EventFilter(has_late=False)}
    frames = dict(SpanRows(0, 30, filters, (file,)).frames("hour"))
    assert frames["batch"].rows() == [("a", "m", "hour", 10, 6, 3, 1)]
    assert frames["stream"].rows() == [("a", "m", "hour", 10, 4, 2)]
    assert dict(frames["stream"].schema) == AVERAGES_SCHEMA
