"""Selects the series that differs most on a day, with the rows of both layers, for a chart."""

from dataclasses import dataclass

import polars as pl
from psycopg import sql

from batch.pipeline import Reconciled
from batch.reconciliation.audit import ReconciledDay
from batch.reconciliation.classify import difference_size
from batch.report.series_windows import EXPLAINED, UNEXPLAINED, WINDOWS_SCHEMA
from batch.store.database import LAYERS, Connection
from batch.store.read_only import read_only_session
from clients.statements import load_statements
from sma.durations import DAY_MS
from sma.instants import instant
from sma.settings import BatchSettings

MOST_DAYS = 31

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """One series and average over a day.

    windows: columns of `WINDOWS_SCHEMA`, the averages as Float64 (to be drawn, not compared).
    """

    customer: str
    metric: str
    average: str
    windows: pl.DataFrame

    @property
    def every_ms(self) -> int:
        """The smallest distance of two windows, which is that of the grid unless every other window is missing."""
        smallest = self.windows["as_of_ms"].diff().min()
        return smallest if isinstance(smallest, int) else DAY_MS


def read_worst_series(settings: BatchSettings, reconciled: Reconciled) -> dict[str, SeriesRows]:
    """Return the worst series of each day that differs, by the day; of the `MOST_DAYS` with most differences.

    Raises:
        SmaError: the database does not answer.
    """
    worst: dict[str, ReconciledDay] = {}
    for of_day in reconciled.days:
        day = str(of_day.result.day)
        if of_day.differences.height > (worst[day].differences.height if day in worst else 0):
            worst[day] = of_day
    most = sorted(worst, key=lambda day: -worst[day].differences.height)[:MOST_DAYS]
    with read_only_session(settings) as connection:
        return {day: _read(connection, worst[day]) for day in most}


def worst_of(differences: pl.DataFrame) -> tuple[str, str]:
    """Return the series with an unexplained difference, or else the most differences, or else the largest."""
    ranked = (
        differences.group_by("customer", "metric")
        .agg(unexplained=(~pl.col("is_explained")).sum(), differing=pl.len(), largest=difference_size().max())
        .sort("unexplained", "differing", "largest", "customer", "metric", descending=[True, True, True, False, False])
    )
    customer, metric = ranked.select("customer", "metric").row(0)
    return customer, metric


def _read(connection: Connection, reconciled: ReconciledDay) -> SeriesRows:
    customer, metric = worst_of(reconciled.differences)
    first_ms, until_ms = reconciled.result.bounds_ms
    bound = {
        "customer": customer,
        "metric": metric,
        "average": reconciled.result.average,
        "from_time": instant(first_ms),
        "until_time": instant(until_ms),
    }
    statement = sql.SQL(_SQL["read_series"])
    streamed, batch = (
        pl.DataFrame(
            connection.execute(statement.format(table=sql.Identifier("sma", layer)), bound).fetchall(),
            {"as_of_ms": pl.Int64, "average": pl.Float64},
            orient="row",
        )
        for layer in LAYERS
    )
    of_series = reconciled.differences.filter(customer=customer, metric=metric)
    return SeriesRows(customer, metric, reconciled.result.average, windows_of(streamed, batch, of_series))


def windows_of(streamed: pl.DataFrame, batch: pl.DataFrame, differences: pl.DataFrame) -> pl.DataFrame:
    """Return the windows of a reconciled day of one series: `SeriesRows.windows`.

    Args:
        streamed: as_of_ms Int64, average Float64; unique in as_of_ms.
        batch: likewise.
        differences: `DIFFERENCES_SCHEMA`, of this series, average and day.
    """
    found = differences.select(
        "as_of_ms",
        pl.when("is_explained").then(pl.lit(EXPLAINED)).otherwise(pl.lit(UNEXPLAINED)).alias("difference"),
        pl.col("late_event_count").alias("late_events"),
    )
    return (
        streamed.rename({"average": "stream"})
        .join(batch.rename({"average": "batch"}), on="as_of_ms", how="full", coalesce=True)
        .join(found, on="as_of_ms", how="left")
        .with_columns(pl.col("late_events").fill_null(0), is_final=True)
        .select(*WINDOWS_SCHEMA)
        .sort("as_of_ms")
    )
