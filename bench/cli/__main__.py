"""`make bench-cli`: measures what a command costs before it does anything, and `sma status` on the running stack.

bench/README.md describes what is measured.
"""

import json
import os
from pathlib import Path

import click

from bench.cli.cases import COMMANDS, MOST_SECONDS, cases, ratios
from bench.command import say_load, with_lender, with_warm_up
from bench.report import print_cases, print_ratios, warn_of_uneven
from bench.rounds import Rounds
from cli.console import print_table, say
from cli.main import run_command
from deploy.local.environment import state_dir_of


@click.command()
@click.option("--repeat", default=9, show_default=True, help="in how many rounds; the median counts")
@with_warm_up
@with_lender
def bench(repeat: int, warm_up: bool, lender: Path | None) -> None:
    """Time each command and print three tables; the last line is a JSON object of seconds and ratios."""
    say_load()
    state_dir = lender or state_dir_of(os.environ)
    rounds = Rounds(cases(), ratios())
    rounds.run(rounds.cases, repeat, lambda _: state_dir, (lambda _: state_dir) if warm_up else None, say)
    names = [name for name in COMMANDS if name in rounds.results]
    _print_seconds(rounds, names)
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


def _print_seconds(rounds: Rounds[Path], names: list[str]) -> None:
    def row(name: str) -> tuple[str, ...]:
        seconds, most = rounds.figure(name), MOST_SECONDS[name]
        return rounds.cases[name].title, f"{seconds:.3f}", f"at most {most:g}", "" if seconds <= most else "missed"

    rows = [row(name) for name in names]
    print_table("From the start of a command to its end: the median", ["command", "seconds", "wanted", ""], rows)


if __name__ == "__main__":
    run_command(bench)
