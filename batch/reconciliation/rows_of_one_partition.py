"""Recomputes windows over the events of each partition alone, for the differences of series that are in more than one.

The stream has a state for each partition, and both write to the same rows. So of such a series it has the windows of
one of its partitions, where the batch layer has those of all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from batch.index.index_pass import Names
from batch.reconciliation.compare_in_database import differing_rows
from batch.results.batch_results import BatchResult
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.database import Connection
from batch.windows.partition_windows import EventFilter
from batch.windows.recompute import RecomputedDay, RowRequest

RowsOfOnePartition = dict[tuple[date, str], pl.DataFrame]
"""By day and average: `AVERAGES_SCHEMA`, a row for each partition that has events in a window; in any order."""


def rows_to_recompute_apart(results: Sequence[BatchResult]) -> list[RowRequest]:
    """Return what to compute for differing days, each partition apart from the others."""
    by_watermark: dict[int, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        by_watermark[result.low_watermark_ms][result.day].append(result.average)
    without_late = {"stream": EventFilter(has_late=False)}
    return [
        RowRequest(dict(names), without_late, low_watermark_ms + 1, is_apart=True)
        for low_watermark_ms, names in by_watermark.items()
    ]


def rows_of_one_partition(
    connection: Connection, recomputed: Iterable[RecomputedDay], split: Sequence[Names]
) -> RowsOfOnePartition:
    """Return the rows that each partition alone makes, of the windows that differ.

    Args:
        connection: in the snapshot in which the layers are compared.
        recomputed: from `rows_to_recompute_apart`.
        split: the series that are in more than one partition.

    Raises:
        SmaError: Kafka does not answer, or no longer has the events of a day that differs.
    """
    series = pl.DataFrame(split, {"customer": pl.String, "metric": pl.String}, orient="row")
    found: RowsOfOnePartition = {}
    for day in recomputed:
        for average in day.averages:
            rows = [pl.DataFrame(schema=AVERAGES_SCHEMA)]
            for span in day.spans:
                differing = differing_rows(connection, average, span.from_ms, span.until_ms)
                differing = differing.join(series, on=series.columns, how="semi")
                if not differing.is_empty():
                    rows += [frame.join(differing, on=KEY, how="semi") for _, frame in span.frames(average)]
            found[day.day, average] = pl.concat(rows)
    return found
