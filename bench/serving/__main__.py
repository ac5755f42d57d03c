"""`make bench-serving`: how long do reports wait for the database, and what does the choice between two layers cost?

bench/README.md says what is measured.
"""

import json
import time
from statistics import median

import click
from psycopg import Connection

from bench.cluster import running_stack
from bench.command import say_load
from bench.serving.queries import Query, report_queries
from bench.serving.rows import ROWS_A_DAY, loaded
from cli.console import print_table, say
from cli.main import run_command
from database.migrate import connect

_MOST_SECONDS = 1.0
_MOST_RATIO = 1.3
_ADDS_UP_ALL = "everything"  # no report asks for it: only its ratio counts


@click.command()
@click.option("--rows", default=20_000_000, show_default=True, help="how many rows the two layers' tables hold")
@click.option("--repeat", default=5, show_default=True, help="how often each query is sent; the median counts")
@click.option("--keep", is_flag=True, help="leave the stack running")
@click.option("--fresh", is_flag=True, help="delete the rows of earlier runs first")
def bench(rows: int, repeat: int, keep: bool, fresh: bool) -> None:
    """Measure each query and print two tables; the last line is a JSON object of seconds and ratios."""
    say_load()
    with running_stack(say, keep, fresh=False) as settings:
        owner_url, customer_url = loaded(settings.owner_database_url.get_secret_value(), rows, fresh, say)
        queries = report_queries(-(-rows // ROWS_A_DAY))
        with connect(owner_url) as owner, connect(customer_url) as customer:
            seconds = {name: _measure(query, owner, customer, repeat) for name, query in queries.items()}
    _report(queries, seconds)


def _measure(query: Query, owner: Connection, customer: Connection, repeat: int) -> tuple[float, float | None]:
    """Return the median seconds of a query and of its one table, sent in turn; what is cold is not counted."""
    sender = customer if query.as_customer else owner
    statements = [query.statement, *([query.one_table] if query.one_table else [])]
    taken: list[list[float]] = [[] for _ in statements]
    for turn in range(repeat + 1):
        for statement, times in zip(statements, taken, strict=True):
            started = time.perf_counter()
            _fetch(sender, statement)
            if turn:
                times.append(time.perf_counter() - started)
    say(f"{query.title}: {median(taken[0]):.3f} s")
    return median(taken[0]), median(taken[1]) if query.one_table else None


def _fetch(connection: Connection, statement: str) -> None:
    """Fetch every row in the binary format, so that making text of it is in nobody's time."""
    with connection.cursor().copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)".encode()) as copy:
        for _ in copy:
            pass


def _report(queries: dict[str, Query], seconds: dict[str, tuple[float, float | None]]) -> None:
    print_table(
        "Every query of a report, all its rows fetched: the median",
        ["query", "seconds", "wanted", ""],
        [
            (
                queries[name].title,
                f"{view:.3f}",
                f"at most {_MOST_SECONDS:g}",
                "" if view <= _MOST_SECONDS else "missed",
            )
            for name, (view, _) in seconds.items()
            if name != _ADDS_UP_ALL
        ],
    )
    ratios = {name: view / table for name, (view, table) in seconds.items() if table}
    print_table(
        "The view / the same columns of one table",
        ["query", "view", "table", "ratio", "wanted", ""],
        [
            (
                queries[name].title,
                f"{seconds[name][0]:.3f} s",
                f"{seconds[name][1]:.3f} s",
                f"{ratio:.2f}",
                f"at most {_MOST_RATIO:g}",
                "" if ratio <= _MOST_RATIO else "missed",
            )
            for name, ratio in ratios.items()
        ],
    )
    print(
        json.dumps(
            {f"{name}_seconds": round(view, 4) for name, (view, _) in seconds.items()}
            | {f"{name}_vs_table": round(ratio, 4) for name, ratio in ratios.items()}
        )
    )


if __name__ == "__main__":
    run_command(bench)
