"""Events to averages, on columns: what is the exact sum and count of each window?

A window's sum is a running sum, as in `sma.window`: an event enters it at one grid point and leaves it a window later.
Here the events of one `every` (a slot) enter and leave together, and what is summed up are those changes. The cost
follows the number of slots and of rows that come out, not the number of windows an event is in. No float takes part.

Frames made here:
    averages: customer str, metric str, average str, as_of_ms Int64, value_sum_micros Int128, event_count Int64;
        sorted by and unique in (customer, metric, average, as_of_ms); a row exists iff its window holds an event.
"""

from collections.abc import Sequence

import polars as pl

from sma.averages import Average

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


def recompute(events: pl.DataFrame, averages: Sequence[Average], from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return the rows of some averages with from_ms <= as_of < until_ms, as `averages` in the module's text.

    Args:
        events: at least customer str, metric str, event_time_ms Int64, value_micros Int64; in any order.
        averages: what to compute.
        from_ms: first `as_of` wanted; it need not stand on a grid.
        until_ms: one past the last `as_of` wanted.
    """
    rows = [window_sums(slot_sums(events, average.every_ms), average, from_ms, until_ms) for average in averages]
    return pl.concat([pl.DataFrame(schema=AVERAGES_SCHEMA), *rows]).sort(KEY)


def slot_sums(events: pl.DataFrame, every_ms: int) -> pl.DataFrame:
    """Return the sum and count of each series' events between two grid points.

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


def window_sums(slots: pl.DataFrame, average: Average, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Return one average's rows with from_ms <= as_of < until_ms, as `averages` in the module's text.

    Args:
        slots: from `slot_sums` with the average's `every_ms`.
        average: what to compute.
        from_ms: first `as_of` wanted; it need not stand on a grid.
        until_ms: one past the last `as_of` wanted.
    """
    every_ms, window_ms = average.every_ms, average.window_ms
    first_as_of = -(-from_ms // every_ms) * every_ms
    enters = pl.col("slot_ms") + every_ms
    touching = slots.lazy().filter(enters < until_ms, enters + window_ms > from_ms)
    entering = touching.select("customer", "metric", enters.alias("as_of_ms"), *_PAIR)
    # times -1: polars 2.1 cannot negate an Int128
    leaving = touching.select("customer", "metric", (enters + window_ms).alias("as_of_ms"), pl.col(*_PAIR) * -1)
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
        .select("customer", "metric", pl.lit(average.name).alias("average"), "as_of_ms", *_PAIR)
        .collect()
    )
