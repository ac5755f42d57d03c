"""`make bench-streaming`: how fast is the streaming layer, beside what others do with the same events on this machine?

bench/README.md says what each case does and why the comparison is fair.
"""

import os

import click

from bench.cases import CASES, RATIOS, ROWS_SHARE, Measured
from bench.cluster import running_stack
from bench.events import Log, preloaded
from bench.live import Live, measure
from bench.report import print_report
from cli.console import say
from cli.main import run_command
from sma.errors import SmaError
from sma.settings import Settings

LIVE = "live"


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([*RATIOS, LIVE]),
    help=f"measure only this; may be given again; {LIVE}: latency and recovery",
)
@click.option("--events", "number", default=4_000_000, show_default=True, help="how many events are in the log")
@click.option("--repeat", default=2, show_default=True, help="how often each case is run; the best run counts")
@click.option("--keep", is_flag=True, help="leave the stack running")
@click.option("--fresh", is_flag=True, help="delete the log and the tables of earlier runs first")
def bench(only: tuple[str, ...], number: int, repeat: int, keep: bool, fresh: bool) -> None:
    """Measure the streaming layer and print a table; the last line is a JSON object of the ratios."""
    chosen = only or (*RATIOS, LIVE)
    ratios = [name for name in RATIOS if name in chosen]
    needed = {case for name in ratios for case in RATIOS[name].cases} | ({"sink"} if LIVE in chosen else set())
    measured = Measured()
    say(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}: above 1, others are at work here")
    with running_stack(say, keep, fresh) as settings:
        rows_number = int(number * ROWS_SHARE)
        writes_rows = any(CASES[name].writes_rows for name in needed)
        log = preloaded(settings, number, say)
        log_of_rows = preloaded(settings, rows_number, say) if writes_rows else log
        for turn in range(1, repeat + 1):  # in turns, so that a slow minute of the machine is not all of one case's
            for name in CASES:
                if name in needed - measured.failed:
                    _run(measured, name, (log, log_of_rows), f"{turn}/{repeat}")
        live = _live(measured, settings, rows_number) if LIVE in chosen else None
    print_report(measured, [name for name in ratios if measured.failed.isdisjoint(RATIOS[name].cases)], live)
    if measured.failed:
        raise SmaError(f"failed: {', '.join(sorted(measured.failed))}")


def _run(measured: Measured, name: str, logs: tuple[Log, Log], turn: str) -> None:
    title = CASES[name].title
    try:
        result = measured.run(name, *logs)
    except SmaError as error:
        measured.failed.add(name)
        say(f"{turn}  {title}: {error}")
    else:
        say(f"{turn}  {title:<55} {result.per_second:>11,.0f}/s  {result.seconds:>6.1f} s")


def _live(measured: Measured, settings: Settings, events: int) -> Live | None:
    if "sink" in measured.failed:
        return None
    try:
        return measure(settings, events / min(result.seconds for result in measured.results["sink"]) / 2, say)
    except SmaError as error:
        measured.failed.add(LIVE)
        say(f"{LIVE}: {error}")
        return None


if __name__ == "__main__":
    run_command(bench)
