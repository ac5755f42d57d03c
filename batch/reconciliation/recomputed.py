"""Selects which rows of differing days to compute again, and prepares them for classifying the differences.

The stream uses every event that is not late, in all of its windows, so its rows must equal the windows over those. The
batch rows must equal the windows over all events of the range of the log that the batch result was computed from.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from batch.reconciliation.classify import Recomputed, compare
from batch.results.batch_results import BatchResult
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.windows.partition_windows import EventFilter
from batch.windows.recompute import RowRequest

_BATCH, _STREAM, _COMMITTED = "batch", "stream", "committed"


def rows_to_recompute(
    results: Sequence[BatchResult], committed: Mapping[int, int], log_read_to: Mapping[int, int]
) -> list[RowRequest]:
    """Return what to compute for differing days: one request for all results from the same range of the log.

    Args:
        results: of the days and averages that differ.
        committed: as for `recomputation_filters`.
        log_read_to: as for `recomputation_filters`.
    """
    by_range: dict[tuple[tuple[tuple[int, int], ...], int], list[BatchResult]] = defaultdict(list)
    for result in results:
        by_range[tuple(sorted(result.read_to.items())), result.low_watermark_ms].append(result)
    requests = []
    for (_, low_watermark_ms), of_range in by_range.items():
        names: dict[date, list[str]] = defaultdict(list)
        for result in of_range:
            names[result.day].append(result.average)
        filters = recomputation_filters(of_range[0].read_to, committed, log_read_to)
        requests.append(RowRequest(dict(names), filters, low_watermark_ms + 1))
    return requests


def recomputation_filters(
    result_read_to: Mapping[int, int], committed: Mapping[int, int], log_read_to: Mapping[int, int]
) -> dict[str, EventFilter]:
    """Return the filters by whose rows the differences of a day are classified.

    Args:
        result_read_to: partition -> the first Kafka offset that the batch result was not computed from.
        committed: the Kafka offsets, by partition, that the stream had committed when its rows were read.
        log_read_to: the log's end, at or after the last event of those rows.
    """
    filters = {
        _BATCH: EventFilter(None if is_whole(result_read_to, log_read_to) else result_read_to, counts_late=True),
        _STREAM: EventFilter(has_late=False),
    }
    if not is_whole(committed, log_read_to):
        filters[_COMMITTED] = EventFilter(committed, has_late=False)
    return filters


def recomputed_rows(frames: Mapping[str, pl.DataFrame], of_one_partition: pl.DataFrame) -> Recomputed:
    """Return the rows by which differences are classified.

    Args:
        frames: rows of one average by each of `recomputation_filters`, as `SpanRows.frames` yields them.
        of_one_partition: as `Recomputed` has it.
    """
    batch = frames[_BATCH]
    return Recomputed(
        batch=batch.select(AVERAGES_SCHEMA.keys()),
        stream=frames[_STREAM],
        late=batch.filter(pl.col("late_event_count") > 0).select(*KEY, "late_event_count"),
        of_one_partition=of_one_partition,
    )


def windows_changed_since(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the windows that the stream may have emitted again since the snapshot.

    They are those that differ when recomputed only up to the committed offsets of that time.

    Args:
        frames: as for `recomputed_rows`.

    Returns:
        windows: `batch.store.averages_schema.KEY`; sorted and unique.
    """
    if _COMMITTED not in frames:
        return pl.DataFrame(schema={column: AVERAGES_SCHEMA[column] for column in KEY})
    return compare(frames[_COMMITTED], frames[_STREAM]).select(KEY)


def is_whole(read_to: Mapping[int, int], log_read_to: Mapping[int, int]) -> bool:
    """Tell whether a range of the log is all of it."""
    return all(read_to.get(partition, 0) >= end for partition, end in log_read_to.items())
