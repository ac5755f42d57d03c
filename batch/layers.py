"""Where do the two layers differ? PostgreSQL joins them window by window, and tells whether they do.

Comparing where the rows are costs a day that is equal no row on the way. It is exact: a join compares the pairs
themselves, so nothing rests on digests. What a difference means is decided in `batch.reconcile`.
"""

from dataclasses import dataclass

import polars as pl

from batch.database import LAYERS, Connection
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
class RowCounts:
    """How many rows each layer has, and how many windows have the same pair in both."""

    streamed: int
    batch: int
    equal: int

    @property
    def is_clean(self) -> bool:
        """Whether no window differs."""
        return self.streamed == self.batch == self.equal


def count_rows(connection: Connection, average: str, from_ms: int, until_ms: int) -> RowCounts:
    """Compare the two layers' rows of one average with from_ms <= as_of < until_ms (since the Unix epoch)."""
    bound = {"average": average, "from_time": instant(from_ms), "until_time": instant(until_ms)}
    ((streamed, batch, equal),) = connection.execute(_COUNT, bound).fetchall()
    return RowCounts(streamed, batch, equal)


def differing_rows(connection: Connection, average: str, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return the windows of one average with from_ms <= as_of < until_ms that differ, as `batch.reconcile.compare`.

    Call it within the `batch.database.snapshot` of `count_rows`: the layers are looked at once more.
    """
    return compare(*(read_averages(connection, layer, average, from_ms, until_ms) for layer in LAYERS))
