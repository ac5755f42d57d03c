"""Recomputes a day from the log with and without the late events, which is what differences are classified by.

The stream uses every event that is not late, in all of its windows: so its rows must be the windows over those. The
batch rows must be the windows over all events of the part of the log that the batch result was computed from.
"""

from collections.abc import Mapping

import polars as pl

from batch.reconciliation.classify import Recomputed, compare
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.windows.day_rows import RowBlock
from batch.windows.partition_windows import EventFilter

_BATCH, _STREAM, _COMMITTED = "batch", "stream", "committed"


def recomputation_filters(
    answer_read_to: Mapping[int, int], committed: Mapping[int, int], log_read_to: Mapping[int, int]
) -> dict[str, EventFilter]:
    """Return the parts of the log that a day's differences are judged by.

    Args:
        answer_read_to: partition -> the first Kafka offset that the batch answer was not computed from.
        committed: the Kafka offsets, by partition, before which the stream had read everything when its rows were
            looked at.
        log_read_to: the log's end, which holds all that those rows can follow from, and perhaps more.
    """
    filters = {
        _BATCH: EventFilter(None if _is_whole(answer_read_to, log_read_to) else answer_read_to, tells_late=True),
        _STREAM: EventFilter(has_late=False),
    }
    if not _is_whole(committed, log_read_to):
        filters[_COMMITTED] = EventFilter(committed, has_late=False)
    return filters


def recomputed_rows(piece: RowBlock, average: str) -> Recomputed:
    """Return what the log gives for the windows of an average in a piece that was made of `recomputation_filters`."""
    return Recomputed(
        batch=piece.averages(_BATCH, average),
        stream=piece.averages(_STREAM, average),
        late=piece.late(_BATCH, average),
    )


def windows_changed_since(piece: RowBlock, average: str, filters: Mapping[str, EventFilter]) -> pl.DataFrame:
    """Return the windows that the stream may have stated anew while its rows were looked at.

    They are those that come out otherwise from what it had committed by then.

    Returns:
        windows: `batch.store.averages_schema.KEY`; sorted and unique.
    """
    if _COMMITTED not in filters:
        return pl.DataFrame(schema={column: AVERAGES_SCHEMA[column] for column in KEY})
    return compare(piece.averages(_COMMITTED, average), piece.averages(_STREAM, average)).select(KEY)


def _is_whole(read_to: Mapping[int, int], log_read_to: Mapping[int, int]) -> bool:
    return all(read_to.get(partition, 0) >= end for partition, end in log_read_to.items())
