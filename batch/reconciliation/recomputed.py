"""What does the log itself give for a day, with and without the late events? It is what a difference is judged by.

The stream uses every event that is not late in all of its windows. So what it must have said are the windows over
those; and what the batch layer must have said, the windows over all events as far as its answer was computed from them.
"""

from collections.abc import Mapping

import polars as pl

from batch.reconciliation.classify import Expected, compare
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.windows.day_rows import Piece
from batch.windows.partition_windows import Part

_BATCH, _STREAM, _CONFIRMED = "batch", "stream", "confirmed"


def judging_parts(
    answer_read_to: Mapping[int, int], confirmed: Mapping[int, int], log_read_to: Mapping[int, int]
) -> dict[str, Part]:
    """Return the parts of the log that a day's differences are judged by.

    Args:
        answer_read_to: partition -> the first Kafka offset that the batch answer was not computed from.
        confirmed: the Kafka offsets, by partition, before which the stream had read everything when its rows were
            looked at.
        log_read_to: the log's end, which holds all that those rows can follow from, and perhaps more.
    """
    parts = {
        _BATCH: Part(None if _is_whole(answer_read_to, log_read_to) else answer_read_to, tells_late=True),
        _STREAM: Part(has_late=False),
    }
    if not _is_whole(confirmed, log_read_to):
        parts[_CONFIRMED] = Part(confirmed, has_late=False)
    return parts


def expected_rows(piece: Piece, average: str) -> Expected:
    """Return what the log gives for the windows of an average in a piece that was made of `judging_parts`."""
    return Expected(
        batch=piece.averages(_BATCH, average),
        stream=piece.averages(_STREAM, average),
        late=piece.late(_BATCH, average),
    )


def windows_in_flux(piece: Piece, average: str, parts: Mapping[str, Part]) -> pl.DataFrame:
    """Return the windows that the stream may have stated anew while its rows were looked at.

    They are those that come out otherwise from what it had confirmed by then.

    Returns:
        windows: `batch.store.averages_schema.KEY`; sorted and unique.
    """
    if _CONFIRMED not in parts:
        return pl.DataFrame(schema={column: AVERAGES_SCHEMA[column] for column in KEY})
    return compare(piece.averages(_CONFIRMED, average), piece.averages(_STREAM, average)).select(KEY)


def _is_whole(read_to: Mapping[int, int], log_read_to: Mapping[int, int]) -> bool:
    return all(read_to.get(partition, 0) >= end for partition, end in log_read_to.items())
