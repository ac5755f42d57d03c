"""Events to averages, on columns: what is the exact sum and count of each window?

A duration window's sum is a running sum, as in `sma.window`: an event enters it at one grid point and leaves it a
window later. Here the events of one `every` (a slot) enter and leave together, and what is summed up are those changes.
The cost follows the number of slots and of rows that come out, not the number of windows an event is in. No float takes
part. The arithmetic of count windows is in `batch.count_windows`.

Frames made here:
    averages: customer str, metric str, average str, as_of_ms Int64, value_sum_micros Int128, event_count Int64;
        sorted by and unique in (customer, metric, average, as_of_ms); a row of a duration window exists iff it holds an
        event, one of a count window iff an event lies in the last `every` before it.
"""

from collections.abc import Callable, Sequence

import polars as pl

from batch.count_windows import count_window_sums
from sma.averages import Average
from sma.window import CountWindow, DurationWindow

AVERAGES_SCHEMA = {
    "customer": pl.String,
    "metric": pl.String,
    "average": pl.String,
    "as_of_ms": pl.Int64,
    "value_sum_micros": pl.Int128,
    "event_count": pl.Int64,
}
KEY = ["customer", "metric", "average", "as_of_ms"]

_PAIR = ["value_sum_micros", "event_count"]


class Recomputation:
    """The averages of some events, for one range of `as_of` after another.

    What the ranges share is worked out once and kept: for each `every` the sums between its grid points; for each count
    window all of its rows, as its events may stand arbitrarily long before a range.
    """

    def __init__(self, events: pl.DataFrame) -> None:
        """Compute nothing yet.

        Args:
            events: at least customer str, metric str, event_time_ms Int64, value_micros Int64; each series in the order
                of the log.
        """
        self._events = events
        self._shared: dict[tuple[CountWindow | None, int], pl.DataFrame] = {}

    def rows(self, average: Average, from_ms: int, until_ms: int) -> pl.DataFrame:
        """Return one average's rows with from_ms <= as_of < until_ms, as `averages` in the module's text.

        Args:
            average: what to compute.
            from_ms: first `as_of` wanted; it need not stand on a grid.
            until_ms: one past the last `as_of` wanted.
        """
        window, every_ms = average.window, average.every_ms
        if isinstance(window, CountWindow):
            every_row = self._share(window, every_ms, lambda: count_window_sums(self._events, window, every_ms))
            rows = every_row.filter(pl.col("as_of_ms").is_between(from_ms, until_ms, closed="left"))
        else:
            slots = self._share(None, every_ms, lambda: slot_sums(self._events, every_ms))
            rows = duration_window_sums(slots, window, every_ms, from_ms, until_ms)
        return rows.select("customer", "metric", pl.lit(average.name).alias("average"), "as_of_ms", *_PAIR)

    def _share(self, window: CountWindow | None, every_ms: int, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        if (window, every_ms) not in self._shared:
            self._shared[window, every_ms] = make()
        return self._shared[window, every_ms]


def recompute(events: pl.DataFrame, averages: Sequence[Average], from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return the rows of some averages with from_ms <= as_of < until_ms; `events` as for `Recomputation`."""
    recomputation = Recomputation(events)
    rows = [recomputation.rows(average, from_ms, until_ms) for average in averages]
    return pl.concat([pl.DataFrame(schema=AVERAGES_SCHEMA), *rows]).sort(KEY)


def slot_sums(events: pl.DataFrame, every_ms: int) -> pl.DataFrame:
    """Return the sum and count of each series' events between two grid points; `events` in any order.

    Returns:
        slots: customer str, metric str, slot_ms Int64, value_sum_micros Int128, event_count Int64; sorted by and
        unique in (customer, metric, slot_ms); the slot holds slot_ms <= event time < slot_ms + every_ms.
    """
    return (
        events.lazy()
        .group_by("customer", "metric", (pl.col("event_time_ms") // every_ms * every_ms).alias("slot_ms"))
        .agg(
            # a sum of ten Int64 micro-units can be out of range, so the cast comes first
            pl.col("value_micros").cast(pl.Int128).sum().alias("value_sum_micros"),
            pl.len().cast(pl.Int64).alias("event_count"),
        )
        .sort("customer", "metric", "slot_ms")
        .collect()
    )


def duration_window_sums(
    slots: pl.DataFrame, window: DurationWindow, every_ms: int, from_ms: int, until_ms: int
) -> pl.DataFrame:
    """Return the rows of a duration window with from_ms <= as_of < until_ms.

    Args:
        slots: from `slot_sums` with the same `every_ms`.
        window: a whole multiple of `every_ms` long.
        every_ms: the grid.
        from_ms: first `as_of` wanted; it need not stand on the grid.
        until_ms: one past the last `as_of` wanted.

    Returns:
        rows: customer str, metric str, as_of_ms Int64, value_sum_micros Int128, event_count Int64; sorted by and unique
        in (customer, metric, as_of_ms).
    """
    first_as_of = -(-from_ms // every_ms) * every_ms
    enters = pl.col("slot_ms") + every_ms
    leaves = enters + window.duration_ms
    touching = slots.lazy().filter(enters < until_ms, leaves > from_ms)
    entering = touching.select("customer", "metric", enters.alias("as_of_ms"), *_PAIR)
    # times -1: polars 2.1 cannot negate an Int128
    leaving = touching.select("customer", "metric", leaves.alias("as_of_ms"), pl.col(*_PAIR) * -1)
    return (
        pl.concat([entering, leaving])
        .group_by("customer", "metric", "as_of_ms")
        .agg(pl.col(*_PAIR).sum())
        .sort("customer", "metric", "as_of_ms")
        # the changes of one series add up to nothing, so one running sum serves all series: it starts each at zero,
        # and a series' last change, whose `next_ms` is another's first, leaves an empty window
        .with_columns(pl.col(*_PAIR).cum_sum(), next_ms=pl.col("as_of_ms").shift(-1))
        .filter(pl.col("event_count") > 0)
        .with_columns(
            as_of_ms=pl.max_horizontal("as_of_ms", pl.lit(first_as_of, pl.Int64)),
            next_ms=pl.min_horizontal("next_ms", pl.lit(until_ms, pl.Int64)),
        )
        .filter(pl.col("as_of_ms") < pl.col("next_ms"))
        .with_columns(as_of_ms=pl.int_ranges("as_of_ms", "next_ms", every_ms, dtype=pl.Int64))
        .explode("as_of_ms")
        .select("customer", "metric", "as_of_ms", *_PAIR)
        .collect()
    )
