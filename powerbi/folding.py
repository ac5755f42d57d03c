"""Which SQL does a table of the model ask the database for?

A small translator, not Power Query: it knows only the shape that every query of this project has, namely a view by
schema and name, chosen columns, and at most one step more (rows of [RangeStart, RangeEnd), or distinct rows). Power
Query folds these steps; anything else is refused here, so that nobody adds a step that might not fold.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from sma.errors import SmaError

_STEP = re.compile(r"(\w+) = (.+)", re.DOTALL)
_DATABASE = "PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false])"
_SCHEMA = 'if Customer = null or Customer = "" then "serving" else "customer/" & Customer'
_VIEW = re.compile(r'Source\{\[Schema = SchemaName, Item = "(\w+)"\]\}\[Data\]')
_COLUMNS = re.compile(r"Table\.SelectColumns\(View, \{(.+)\}\)")
_RANGE = re.compile(r"Table\.SelectRows\(Columns, each \[(\w+)\] >= RangeStart and \[(\w+)\] < RangeEnd\)")
_DISTINCT = "Table.Distinct(Columns)"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of the model's parameters. `range_start` and `range_end` are UTC without a zone, as `as_of` is."""

    customer: str
    range_start: datetime
    range_end: datetime

    @property
    def schema(self) -> str:
        """What the step SchemaName gives: 'serving', or the customer's own schema."""
        return f"customer/{self.customer}" if self.customer else "serving"


def folded(source: str, parameters: Parameters) -> sql.Composed:
    """Return the SELECT of one partition's M query, with its values in it.

    Raises:
        SmaError: the query has a step that this translator does not know.
    """
    steps = _steps(source)
    if len(steps) not in (4, 5) or steps[:2] != [_DATABASE, _SCHEMA]:
        raise _unknown(source)
    view, columns = _VIEW.fullmatch(steps[2]), _COLUMNS.fullmatch(steps[3])
    if view is None or columns is None:
        raise _unknown(source)
    names = re.findall(r'"(\w+)"', columns[1])
    last = steps[4] if len(steps) == 5 else ""
    between = _RANGE.fullmatch(last)
    if last not in ("", _DISTINCT) and (between is None or between[1] != between[2]):
        raise _unknown(last)
    where: sql.Composable = sql.SQL("")
    if between:
        where = sql.SQL(" WHERE {column} >= {start} AND {column} < {end}").format(
            column=sql.Identifier(between[1]),
            start=sql.Literal(parameters.range_start),
            end=sql.Literal(parameters.range_end),
        )
    return (
        sql.SQL("SELECT {distinct}{columns} FROM {view}").format(
            distinct=sql.SQL("DISTINCT " if last == _DISTINCT else ""),
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            view=sql.Identifier(parameters.schema, view[1]),
        )
        + where
    )


def _steps(source: str) -> list[str]:
    """The right sides of `let a = x, b = y in b`, in order; each step must use the one before it."""
    lines = [line.strip() for line in source.splitlines()]
    if lines[0] != "let" or lines[-2] != "in":
        raise _unknown(source)
    found = [_STEP.fullmatch(line.removesuffix(",")) for line in lines[1:-2]]
    named = [(step[1], step[2]) for step in found if step]
    if len(named) != len(found) or not named or named[-1][0] != lines[-1]:
        raise _unknown(source)
    return [right for _, right in named]


def _unknown(text: str) -> SmaError:
    return SmaError(
        f"not a query that is known to fold: {' '.join(text.split())!r}: take a view, Table.SelectColumns and at most "
        "one of Table.SelectRows over [RangeStart, RangeEnd) and Table.Distinct; do the rest in the view"
    )
