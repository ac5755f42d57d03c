"""Windows of a series for the tests of pictures, written as few numbers."""

from decimal import Decimal

import polars as pl

from batch.report.series_windows import WINDOWS_SCHEMA, SeriesWindows
from sma.averages import Average
from sma.window import DurationWindow

MINUTE = 60_000
HOUR = Average("hour", DurationWindow(60 * MINUTE), MINUTE)


def windows(*rows):
    """Return windows of (minute, stream, batch), and where they differ from the defaults is_final and difference."""
    whole = [(minute * MINUTE, *_numbers(stream, batch), *_rest(*rest)) for minute, stream, batch, *rest in rows]
    return pl.DataFrame(whole, WINDOWS_SCHEMA, orient="row")


def _numbers(*averages):
    return [None if average is None else Decimal(average) for average in averages]


def _rest(is_final=True, difference=None, late_events=0):
    return is_final, difference, late_events


def series(rows, customer="AA", metric="delay"):
    """Return a series of the average `hour` with these windows."""
    last_ms = rows["as_of_ms"].max() or 0
    return SeriesWindows(customer, metric, HOUR, rows["as_of_ms"].min() or 0, last_ms + 1, rows)
