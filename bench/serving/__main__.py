"""`make bench-serving`: measures how long reports wait for the database, and what the choice between two layers costs.

bench/README.md describes what is measured.
"""

import json
from pathlib import Path

import click

from bench.cluster import running_stack
from bench.command import say_load, with_lender, with_warm_up
from bench.report import print_cases, print_ratios, warn_of_uneven
from bench.rounds import Rounds
from bench.serving.cases import MOST_SECONDS, NO_REPORT, Readers, cases_of, ratios_of, require_same_rows
from bench.serving.queries import report_queries
from bench.serving.rows import Size, loaded
from cli.console import print_table, say
from cli.main import run_command
from database.migrate import connect


@click.command()
@click.option("--rows", default=20_000_000, show_default=True, help="how many rows the two layers' tables hold")
@click.option("--customers", default=20, show_default=True, help="of how many customers, with five series each")
@click.option("--repeat", default=5, show_default=True, help="in how many rounds; the median counts")
@click.option("--keep", is_flag=True, help="leave the stack running")
@click.option("--fresh", is_flag=True, help="delete the rows of earlier runs first")
@with_warm_up
@with_lender
def bench(rows: int, customers: int, repeat: int, keep: bool, fresh: bool, warm_up: bool, lender: Path | None) -> None:
    """Measure each query and print three tables; the last line is a JSON object of seconds and ratios."""
    say_load()
    size = Size.of(rows, customers)
    queries = report_queries(size.days)
    rounds = Rounds(cases_of(queries), ratios_of(queries))
    with running_stack(say, keep=keep, fresh=False, lender=lender) as settings:
        owner_url = settings.owner_database_url.get_secret_value()
        with (
            loaded(owner_url, size, fresh=fresh, keep=lender is None, say=say) as (own_url, customer_url),
            connect(own_url) as owner,
            connect(customer_url) as customer,
        ):
            readers = Readers(owner, customer)
            rounds.run(rounds.cases, repeat, lambda _: readers, (lambda _: readers) if warm_up else None, say)
    require_same_rows(rounds)
    names = [name for name in queries if name in rounds.results]
    _print_seconds(rounds, [name for name in names if name not in NO_REPORT])
    print_ratios(rounds)
    print_cases(rounds)
    warn_of_uneven(rounds, say)
    print(
        json.dumps(
            {f"{name}_seconds": round(rounds.figure(name), 4) for name in names}
            | {name: round(rounds.ratio(ratio), 4) for name, ratio in rounds.found.items()}
        )
    )
    rounds.require_all()


def _print_seconds(rounds: Rounds[Readers], names: list[str]) -> None:
    print_table(
        "Every query of a report, all its rows fetched: the median",
        ["query", "seconds", "wanted", ""],
        [
            (
                rounds.cases[name].title,
                f"{seconds:.3f}",
                f"at most {MOST_SECONDS:g}",
                "" if seconds <= MOST_SECONDS else "missed",
            )
            for name in names
            for seconds in (rounds.figure(name),)
        ],
    )


if __name__ == "__main__":
    run_command(bench)
