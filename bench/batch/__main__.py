"""`make bench-batch`: how fast is the batch layer, beside what others do with the same events on this machine?

bench/README.md says what each case does and why the comparison is fair.
"""

import click

from bench.batch.cases import CASES, RATIOS
from bench.batch.check import require_right
from bench.cases import Measured
from bench.cluster import running_stack
from bench.command import say_load, with_options
from bench.events import MONTH, preloaded
from bench.report import print_cases, print_json_line, print_ratios
from cli.console import say
from cli.main import run_command


@click.command()
@with_options(tuple(RATIOS))
def bench(only: tuple[str, ...], number: int, repeat: int, keep: bool, fresh: bool) -> None:
    """Measure the batch layer and print a table; the last line is a JSON object of the ratios."""
    measured = Measured(CASES, {name: ratio for name, ratio in RATIOS.items() if name in only})
    say_load()
    with running_stack(say, keep, fresh) as settings:
        require_right(settings, measured.needed, say)
        log = preloaded(settings, number, say, MONTH)
        measured.run_in_turns(measured.needed, repeat, lambda _: log, say)
    print_ratios(measured)
    print_cases(measured)
    print_json_line(measured)
    measured.require_all()


if __name__ == "__main__":
    run_command(bench)
