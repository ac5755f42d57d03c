"""Evaluates a table's M query to the SQL that it sends to the database.

It evaluates the two forms that the M queries of this project have, not Power Query. Anything else is refused, so that
nobody adds a step that might read more rows than it returns.

- A view by schema and name, chosen columns, and at most distinct rows: steps that Power Query folds.
- A native query over [RangeStart, RangeEnd): its SQL is in the model, and is evaluated as it is there.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from sma.errors import SmaError

_STEP = re.compile(r"(\w+) = (.+)")
_DATABASE = "PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false])"
_SCHEMA = 'if Customer = null or Customer = "" then "serving" else "customer/" & Customer'

_VIEW = re.compile(r'Source\{\[Schema = SchemaName, Item = "(\w+)"\]\}\[Data\]')
_COLUMNS = re.compile(r'Table\.SelectColumns\(View, \{("\w+"(?:, "\w+")*)\}\)')
_DISTINCT = "Table.Distinct(Columns)"

_NATIVE = re.compile(r"Value\.NativeQuery\(Source, (.+), null, \[EnableFolding = true\]\)")
_LITERAL = re.compile(r'"((?:[^"]|"")*)"')
_TIME = re.compile(r'DateTime\.ToText\((RangeStart|RangeEnd), \[Format = "yyyy-MM-dd HH:mm:ss", Culture = "en-US"\]\)')
_QUOTED_SCHEMA = 'Text.Replace(SchemaName, """", """""")'
# The evaluated text: a half-open range of the column that the chunks are cut by, with its zone.
_TIME_TEXT = r"'[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\+00'"
_RANGE_OF_A_VIEW = re.compile(
    r'SELECT \w+(?:, \w+)* FROM "(?:[^"]|"")+"\.\w+ '  # noqa: S608 - a pattern
    rf"WHERE instant >= (?P<start>{_TIME_TEXT}) AND instant < (?P<end>{_TIME_TEXT})"
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of the model's parameters; `range_start` and `range_end` are UTC without a zone, as Power BI's are."""

    customer: str
    range_start: datetime
    range_end: datetime

    @property
    def schema(self) -> str:
        """The result of the step SchemaName: 'serving', or the customer's own schema."""
        return f"customer/{self.customer}" if self.customer else "serving"


def statement(source: str, parameters: Parameters) -> sql.Composed:
    """Return the SELECT of one partition's M query, with the values of the parameters in it.

    Raises:
        SmaError: the query has neither form.
    """
    steps = _steps(source)
    if steps[:2] != [_DATABASE, _SCHEMA]:
        raise _unknown(source)
    native = _NATIVE.fullmatch(steps[-1])
    if native and len(steps) == 3:
        return _native(native[1], parameters)
    return _navigated(source, steps[2:], parameters)


def _steps(source: str) -> list[str]:
    """The right sides of `let a = x, b = y in b`, in order; the last one must be the result of the query."""
    lines = [line.strip() for line in source.splitlines()]
    if len(lines) < 4 or lines[0] != "let" or lines[-2] != "in":
        raise _unknown(source)
    matches = [_STEP.fullmatch(line.removesuffix(",")) for line in lines[1:-2]]
    named = [(step[1], step[2]) for step in matches if step]
    if len(named) != len(matches) or named[-1][0] != lines[-1]:
        raise _unknown(source)
    return [right for _, right in named]


def _navigated(source: str, steps: list[str], parameters: Parameters) -> sql.Composed:
    if len(steps) not in (2, 3) or steps[2:] not in ([], [_DISTINCT]):
        raise _unknown(source)
    view, columns = _VIEW.fullmatch(steps[0]), _COLUMNS.fullmatch(steps[1])
    if view is None or columns is None:
        raise _unknown(source)
    return sql.SQL("SELECT {distinct}{columns} FROM {view}").format(
        distinct=sql.SQL("DISTINCT " if steps[2:] else ""),
        columns=sql.SQL(", ").join(map(sql.Identifier, re.findall(r"\w+", columns[1]))),
        view=sql.Identifier(parameters.schema, view[1]),
    )


def _native(expression: str, parameters: Parameters) -> sql.Composed:
    text = _text(expression, parameters)
    match = _RANGE_OF_A_VIEW.fullmatch(text)
    start, end = (f"'{one:%Y-%m-%d %H:%M:%S}+00'" for one in (parameters.range_start, parameters.range_end))
    if not match or (match["start"], match["end"]) != (start, end):
        raise _unknown(text)
    return sql.Composed([sql.SQL(text)])


def _text(expression: str, parameters: Parameters) -> str:
    """The value of M terms joined by `&`: texts, the schema with its quotes doubled, RangeStart and RangeEnd."""
    times = {"RangeStart": parameters.range_start, "RangeEnd": parameters.range_end}
    text, at = "", 0
    while True:
        if literal := _LITERAL.match(expression, at):
            text, at = text + literal[1].replace('""', '"'), literal.end()
        elif time := _TIME.match(expression, at):
            text, at = text + f"{times[time[1]]:%Y-%m-%d %H:%M:%S}", time.end()
        elif expression.startswith(_QUOTED_SCHEMA, at):
            text, at = text + parameters.schema.replace('"', '""'), at + len(_QUOTED_SCHEMA)
        else:
            raise _unknown(expression[at:])
        if at == len(expression):
            return text
        if not expression.startswith(" & ", at):
            raise _unknown(expression[at:])
        at += len(" & ")


def _unknown(text: str) -> SmaError:
    return SmaError(
        f"not a query of a known form: {' '.join(text.split())!r}: take a view, Table.SelectColumns and at most "
        "Table.Distinct, or a native query over instant from RangeStart to RangeEnd; do the rest in the view"
    )
