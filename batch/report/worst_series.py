"""Selects the series that differs most on a day, with the rows of both layers, for a chart."""

from dataclasses import dataclass

import polars as pl
from psycopg import sql

from batch.pipeline import Reconciled
from batch.reconciliation.audit import ReconciledDay
from batch.reconciliation.classify import difference_size
from batch.store.database import LAYERS, Connection
from batch.store.read_only import read_only_session
from batch.store.statements import load_statements
from sma.instants import instant
from sma.settings import BatchSettings

MOST_DAYS = 31

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """One series and average over a day.

    streamed, batch: as_of_ms Int64, average Float64 (to be drawn, not compared); sorted and unique in as_of_ms.
    """

    customer: str
    metric: str
    average: str
    streamed: pl.DataFrame
    batch: pl.DataFrame


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
    return SeriesRows(customer, metric, reconciled.result.average, streamed, batch)
