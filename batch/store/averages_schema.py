"""Defines the frame of rows of averages that the rooms of the batch layer pass to one another.

averages: customer str, metric str, average str, as_of_ms Int64 (since the Unix epoch, UTC), value_sum_micros Int128,
    event_count Int64; sorted by and unique in (customer, metric, average, as_of_ms); a row of a duration window exists
    iff it holds an event, one of a count window iff an event is in the last `every` before it.
"""

import polars as pl

AVERAGES_SCHEMA = {
    "customer": pl.String,
    "metric": pl.String,
    "average": pl.String,
    "as_of_ms": pl.Int64,
    "value_sum_micros": pl.Int128,
    "event_count": pl.Int64,
}
KEY = ["customer", "metric", "average", "as_of_ms"]
