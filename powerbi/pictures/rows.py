"""Reads the rows of the model's tables by the model's own queries, each with the columns of the rows that it leads to.

So a fact has the label of its series too. What is computed from the rows is in `powerbi.pictures.measures`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from pydantic import SecretStr

from clients import postgres
from powerbi.checks.model import read_model, tables
from powerbi.checks.queries import Parameters, statement
from sma.errors import SmaError

_TABLES = ("Moving averages", "Moving averages live", "Differences", "Reconciliation", "Data age")
# the tables that others lead to, by their keys; a series before its customer
_KEYS = {"Series": "series_key", "Customers": "customer_key", "Averages": "average"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of the model; its columns are attributes."""

    values: dict[str, Any]

    def __getattr__(self, column: str) -> Any:
        return self.values[column]


def read_rows(database_url: str) -> dict[str, list[Row]]:
    """Return the rows of each table with measures, by the model's own parameters, oldest first.

    Raises:
        SmaError: the database does not answer, does not have the views, or has no rows for RangeStart to RangeEnd.
    """
    model, values_by_table = tables(), dict[str, list[dict[str, Any]]]()
    try:
        with postgres.connect(SecretStr(database_url), "SMA_DATABASE_URL", "powerbi", autocommit=False) as connection:
            for name in (*_KEYS, *_TABLES):
                source = model[name].named("partition")[name].properties["source"]
                cursor = connection.execute(statement(source, _range()))
                columns = [one.name for one in cursor.description or ()]
                values_by_table[name] = [dict(zip(columns, row, strict=True)) for row in cursor]
    except psycopg.Error as error:
        raise SmaError(f"the views of the Power BI model cannot be read: {str(error).splitlines()[0]}") from error
    if not values_by_table["Moving averages"]:
        raise SmaError("no rows between the model's RangeStart and RangeEnd: run `make demo` first")
    related = {
        key: {values[key]: values for values in values_by_table[table]}  # as the model's relationships lead
        for table, key in _KEYS.items()
    }
    return {
        name: sorted(
            (Row(_with_related(values, related)) for values in values_by_table[name]),
            key=lambda row: row.values.get("as_of") or row.values.get("date") or 0,
        )
        for name in _TABLES
    }


def holds_new_event(row: Row) -> bool:
    """Return whether an event entered the row's window after the window before, as far as the log is indexed.

    The measure 'Current as of (UTC)' leaves the other rows out: windows after the newest event of their series.
    """
    every = timedelta(milliseconds=int(row.every_seconds * 1_000))
    return row.newest_event is None or bool(row.as_of <= row.newest_event + every)


def _with_related(values: dict[str, Any], related: dict[str, dict[Any, dict[str, Any]]]) -> dict[str, Any]:
    """A row's values and those of the rows that it leads to."""
    for key, rows in related.items():
        values = rows.get(values.get(key), {}) | values
    return values


def _range() -> Parameters:
    """The model's own RangeStart and RangeEnd."""
    values = {}
    for top in read_model():
        if top.name in ("RangeStart", "RangeEnd"):
            numbers = top.expression.removeprefix("#datetime(").split(")")[0].split(",")
            values[top.name] = datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001 - UTC, as as_of
    return Parameters("", values["RangeStart"], values["RangeEnd"])
