"""The serving benchmark's cases, a query each, and the ratios made of them: the view against one table."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection

from bench.cases import Case, Measure, Ratio, Result
from bench.rounds import Rounds
from bench.serving.queries import Query
from sma.errors import SmaError

MOST_SECONDS = 1.0
NO_REPORT = frozenset({"everything"})  # no report asks for it: only its ratio counts
_MOST_RATIO = 1.3
_TABLE = "_table"


@dataclass(frozen=True, slots=True)
class Readers:
    """Who sends the queries."""

    owner: Connection
    customer: Connection


def cases_of(queries: Mapping[str, Query]) -> dict[str, Case[Readers]]:
    """Return a case for each query, by its name, and one for its one table where it has one."""
    cases: dict[str, Case[Readers]] = {}
    for name, query in queries.items():
        cases[name] = _case(query.title, query.statement, query.as_customer)
        if query.one_table:
            cases[name + _TABLE] = _case(f"{query.title}: one table", query.one_table, query.as_customer)
    return cases


def _case(title: str, statement: str, as_customer: bool) -> Case[Readers]:
    def run(readers: Readers) -> Result:
        began = time.perf_counter()
        rows = _fetch(readers.customer if as_customer else readers.owner, statement)
        seconds = time.perf_counter() - began
        if not rows:
            raise SmaError(f"no rows: {statement}")
        return Result(rows, seconds)

    return Case(title, run, Measure.SECONDS)


def _fetch(connection: Connection, statement: str) -> int:
    """Fetch every row in the binary format, so that making text of it is in nobody's time; return how many."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)".encode()) as copy:
            for _ in copy:
                pass
        return cursor.rowcount


def ratios_of(queries: Mapping[str, Query]) -> dict[str, Ratio]:
    """Return the ratio of each query that can also be sent to one table."""
    return {
        f"{name}_vs_table": Ratio(query.title, (name,), (name + _TABLE,), _MOST_RATIO, 1)
        for name, query in queries.items()
        if query.one_table
    }


def require_same_rows(rounds: Rounds[Readers]) -> None:
    """Refuse ratios where the view does not give as many rows as the table.

    Raises:
        SmaError: says of which query, and how many rows each gave.
    """
    for ratio in rounds.found.values():
        (ours,), (theirs,) = ratio.ours, ratio.theirs
        view, table = rounds.results[ours][0].items, rounds.results[theirs][0].items
        if view != table:
            raise SmaError(f"{ratio.title}: the view gives {view} rows, the table {table}: the ratio means nothing")
