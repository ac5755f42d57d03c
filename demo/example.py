"""Finds one window that the stream got wrong, and the late flights that explain it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from clients.postgres import Connection
from demo.page import Point
from sma.averages import Average
from sma.durations import format_duration
from sma.instants import milliseconds
from sma.value import MICROS_PER_UNIT
from sma.window import DurationWindow

_EASY_TO_READ = """
    SELECT
        customer,
        as_of,
        serving.average(stream_value_sum, stream_event_count) AS stream,
        stream_event_count,
        serving.average(batch_value_sum, batch_event_count) AS batch,
        batch_event_count
    FROM sma.differences
    WHERE run_id = ANY(%(run_ids)s)
        AND average = %(average)s
        AND class = 'changed'
        AND is_explained
        AND late_event_count <= 3
    ORDER BY
        abs(
            serving.average(stream_value_sum, stream_event_count) - serving.average(batch_value_sum, batch_event_count)
        ) DESC,
        customer,
        as_of
    LIMIT 1
"""

_LATE = """
    SELECT DISTINCT
        customer,
        event_time_ms,
        value_micros
    FROM sma.late_events
    WHERE customer = %(customer)s
        AND event_time_ms >= %(from_ms)s
        AND event_time_ms < %(until_ms)s
"""
_LATE_SCHEMA = {"customer": pl.String, "event_time_ms": pl.Int64, "value_micros": pl.Int64}

_SERIES = """
    SELECT
        as_of,
        serving.average(stream.value_sum, stream.event_count) AS stream,
        serving.average(batch.value_sum, batch.event_count) AS batch
    FROM (SELECT * FROM sma.streaming_averages WHERE customer = %(customer)s AND average = %(average)s) AS stream
    FULL JOIN (SELECT * FROM sma.batch_averages WHERE customer = %(customer)s AND average = %(average)s) AS batch
        USING (metric, as_of)
    WHERE as_of BETWEEN %(first)s AND %(last)s
    ORDER BY as_of
"""


_MILLISECOND = timedelta(milliseconds=1)


def window_duration(average: Average) -> timedelta:
    """Return how long the window of an average is.

    Raises:
        TypeError: it is a number of events.
    """
    if not isinstance(average.window, DurationWindow):
        raise TypeError(f"{average.name}: a window of {average.window.event_count} events has no duration")
    return average.window.duration_ms * _MILLISECOND


@dataclass(frozen=True, slots=True)
class Example:
    """One changed duration window: both layers' values, and the late flights in it, a line each."""

    customer: str
    average: Average
    as_of: datetime
    stream: Decimal
    stream_event_count: int
    batch: Decimal
    batch_event_count: int
    late_flights: list[str]

    def lines(self) -> list[str]:
        """Return the example in sentences."""
        duration = window_duration(self.average)
        return [
            f"Carrier {self.customer}, average '{self.average.name}' as of {self.as_of:%Y-%m-%d %H:%M} UTC: the mean "
            f"delay of the flights scheduled in the {format_duration(duration // _MILLISECOND)} from "
            f"{self.as_of - duration:%H:%M}.",
            f"The stream emitted {self.stream.normalize():f} minutes ({self.stream_event_count} flights); with every "
            f"flight it is {self.batch.normalize():f} minutes ({self.batch_event_count} flights).",
            f"What the stream could not know in time: {'; '.join(self.late_flights)}.",
            "Recomputed without these, the window equals the streamed one to the last digit: the difference is "
            "explained, and readers see the second figure.",
        ]


def find_example(connection: Connection, run_ids: list[str], average: Average, flights: Path) -> Example | None:
    """Return the explained window with the largest difference and at most 3 late flights; None where there is none.

    Args:
        connection: of a role that may read every table.
        run_ids: of the reconciliation.
        average: of the window; it has a duration window.
        flights: the file that was published.
    """
    row = connection.execute(_EASY_TO_READ, {"run_ids": run_ids, "average": average.name}).fetchone()
    if row is None:
        return None
    customer, as_of, stream, stream_event_count, batch, batch_event_count = row
    window = {
        "customer": customer,
        "from_ms": milliseconds(as_of - window_duration(average)),
        "until_ms": milliseconds(as_of),
    }
    late = pl.DataFrame(connection.execute(_LATE, window).fetchall(), _LATE_SCHEMA, orient="row")
    return Example(
        customer=customer,
        average=average,
        as_of=as_of,
        stream=stream,
        stream_event_count=stream_event_count,
        batch=batch,
        batch_event_count=batch_event_count,
        late_flights=_describe(late, pl.read_csv(flights, try_parse_dates=True)),
    )


def _describe(late: pl.DataFrame, flights: pl.DataFrame) -> list[str]:
    """Return a line for each late event, with the particulars that the file has of its flight."""
    keys = flights.with_columns(
        event_time_ms=pl.col("scheduled_departure").dt.epoch("ms"),
        value_micros=pl.col("departure_delay") * MICROS_PER_UNIT,
    ).rename({"carrier": "customer"})
    late_flights = late.join(keys, on=["customer", "event_time_ms", "value_micros"]).sort("event_time_ms", "flight")
    return [
        f"flight {row['customer']} {row['flight']} from {row['origin']} to {row['dest']}, scheduled at "
        f"{row['scheduled_departure']:%H:%M}, left {row['departure_delay']} minutes late"
        for row in late_flights.iter_rows(named=True)
    ]


def read_series(
    connection: Connection, customer: str, average: Average, around: datetime, margin: timedelta
) -> list[Point]:
    """Return both layers' averages of one customer, `margin` to each side of a moment, on the whole grid."""
    bounds = {"first": around - margin, "last": around + margin}
    rows = connection.execute(_SERIES, {"customer": customer, "average": average.name} | bounds).fetchall()
    points = {as_of: Point(as_of, stream, batch) for as_of, stream, batch in rows}
    every = timedelta(milliseconds=average.every_ms)
    count = (max(points) - min(points)) // every + 1
    grid = [min(points) + every * position for position in range(count)]
    return [points.get(as_of, Point(as_of, None, None)) for as_of in grid]
