"""Where do the two layers differ? PostgreSQL joins them window by window, and sends only what differs.

Comparing where the rows are costs a day that is equal no row on the way. It is exact: a join compares the pairs
themselves, so nothing rests on digests. What a difference means is decided in `batch.reconcile`.
"""

from dataclasses import dataclass

import polars as pl

from batch.database import LAYERS, Connection
from batch.recompute import AVERAGES_SCHEMA, KEY
from batch.reconcile import compare
from batch.stored_averages import read_averages
from sma.instants import instant

# two layers' rows of one average in a range of as_of; a window that one of them lacks is null there
_COUNT = """
SELECT
    count(stream.as_of),
    count(batch.as_of),
    count(*) FILTER (WHERE stream.value_sum = batch.value_sum AND stream.event_count = batch.event_count)
FROM (
    SELECT
        customer,
        metric,
        as_of,
        value_sum,
        event_count
    FROM sma.streaming_averages
    WHERE average = %(average)s
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
) AS stream
FULL JOIN (
    SELECT
        customer,
        metric,
        as_of,
        value_sum,
        event_count
    FROM sma.batch_averages
    WHERE average = %(average)s
        AND as_of >= %(from_time)s
        AND as_of < %(until_time)s
) AS batch USING (customer, metric, as_of)
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs, as `batch.reconcile.compare` states it, and how many rows each layer has."""

    differing: pl.DataFrame
    streamed_rows: int
    batch_rows: int


def differing_rows(
    connection: Connection, average: str, from_ms: int, until_ms: int, left_out: pl.DataFrame | None = None
) -> Compared:
    """Compare the two layers' rows of one average with from_ms <= as_of < until_ms.

    Call it within `batch.database.snapshot`: where rows differ, the layers are looked at once more.

    Args:
        connection: to the database.
        average: its name.
        from_ms: first `as_of`, in milliseconds since the Unix epoch.
        until_ms: one past the last.
        left_out: windows that are neither compared nor counted, `batch.recompute.KEY`; None for none.
    """
    if left_out is None or left_out.is_empty():
        bound = {"average": average, "from_time": instant(from_ms), "until_time": instant(until_ms)}
        ((streamed_rows, batch_rows, equal),) = connection.execute(_COUNT, bound)
        if streamed_rows == batch_rows == equal:
            nothing = pl.DataFrame(schema=AVERAGES_SCHEMA)
            return Compared(compare(nothing, nothing), streamed_rows, batch_rows)
    streamed, batch = (read_averages(connection, layer, average, from_ms, until_ms) for layer in LAYERS)
    if left_out is not None:
        streamed, batch = (rows.join(left_out, on=KEY, how="anti") for rows in (streamed, batch))
    return Compared(compare(streamed, batch), streamed.height, batch.height)
