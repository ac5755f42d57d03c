"""Count windows on columns: what is the exact sum of the last N events before each grid point?

In event-time order such a window is a stretch of its series that ends with the last event before the grid point, so its
sum is the difference of two running sums. The cost does not depend on N. No float takes part.
"""

import polars as pl

from sma.window import CountWindow

_SERIES = ["customer", "metric"]
_ROW = [*_SERIES, "as_of_ms"]


def count_window_sums(events: pl.DataFrame, window: CountWindow, every_ms: int) -> pl.DataFrame:
    """Return every row of a count window: one for each grid point T with an event at T - every_ms <= event time < T.

    Args:
        events: at least customer str, metric str, event_time_ms Int64, value_micros Int64; each series in the order of
            the log, which decides between equal event times.
        window: its last event is the last one before T.
        every_ms: the grid.

    Returns:
        rows: customer str, metric str, as_of_ms Int64, value_sum_micros Int128, event_count Int64; sorted by and unique
        in (customer, metric, as_of_ms).
    """
    # one running sum over all series: 128 bits hold 10^20 of the largest values
    through = pl.col("value_micros").cast(pl.Int128).cum_sum()
    begins_series = pl.any_horizontal(pl.col(_SERIES).ne_missing(pl.col(_SERIES).shift(1)))
    ends_window = pl.any_horizontal(pl.col(_ROW).ne_missing(pl.col(_ROW).shift(-1)))
    last = pl.col("last").filter(ends_window)
    first = pl.max_horizontal(last - (window.event_count - 1), pl.col("series_first").filter(ends_window))
    return (
        events.lazy()
        .sort(*_SERIES, "event_time_ms", maintain_order=True)
        .select(
            *_SERIES,
            as_of_ms=pl.col("event_time_ms") // every_ms * every_ms + every_ms,
            last=pl.int_range(pl.len(), dtype=pl.Int64),
            through=through,
            before=through - pl.col("value_micros"),
        )
        .with_columns(series_first=pl.when(begins_series).then("last").forward_fill())
        .select(
            pl.col(_ROW).filter(ends_window),
            value_sum_micros=pl.col("through").filter(ends_window) - pl.col("before").gather(first),
            event_count=last - first + 1,
        )
        .collect()
    )
