"""`make bench-batch`: measures the batch layer, and what others do with the same events on this machine.

bench/README.md describes what each case does and why the comparison is fair.
"""

from pathlib import Path

import click

from bench.batch.cases import CASES, RATIOS, WARM_UP_SHARE
from bench.batch.check import require_right
from bench.cluster import running_stack
from bench.command import say_load, with_options
from bench.events import MONTH, beginning, preloaded
from bench.report import print_cases, print_json_line, print_ratios, warn_of_uneven
from bench.rounds import Rounds
from cli.console import say
from cli.main import run_command


@click.command()
@with_options(tuple(RATIOS))
def bench(
    only: tuple[str, ...],
    number: int,
    repeat: int,
    warm_up: bool,
    keep: bool,
    fresh: bool,
    lender: Path | None,
) -> None:
    """Measure the batch layer and print a table; the last line is a JSON object of the ratios."""
    rounds = Rounds(CASES, {name: ratio for name, ratio in RATIOS.items() if name in only})
    say_load()
    with running_stack(say, keep=keep, fresh=fresh, lender=lender) as settings:
        require_right(settings, rounds.needed, say)
        log = preloaded(settings, number, say, MONTH)
        short = beginning(log, WARM_UP_SHARE, say) if warm_up else log
        rounds.run(rounds.needed, repeat, lambda _: log, (lambda _: short) if warm_up else None, say)
    print_ratios(rounds)
    print_cases(rounds)
    warn_of_uneven(rounds, say)
    print_json_line(rounds)
    rounds.require_all()


if __name__ == "__main__":
    run_command(bench)
