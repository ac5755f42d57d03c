"""`make bench-streaming`: how fast is the streaming layer, beside what others do with the same events on this machine?

bench/README.md says what each case does and why the comparison is fair.
"""

import click

from bench.cases import Measured
from bench.cluster import running_stack
from bench.command import say_load, with_options
from bench.events import preloaded
from bench.report import print_cases, print_json_line, print_ratios
from bench.streaming.cases import CASES, RATIOS, ROWS_SHARE, WRITES_ROWS
from bench.streaming.flink_lib import make_lib_folder
from bench.streaming.live import Live, measure
from cli.console import out, say
from cli.main import run_command
from sma.errors import SmaError
from sma.settings import Settings

LIVE = "live"  # latency and recovery of the running job


@click.command()
@with_options((*RATIOS, LIVE))
def bench(only: tuple[str, ...], number: int, repeat: int, keep: bool, fresh: bool) -> None:
    """Measure the streaming layer and print a table; the last line is a JSON object of the ratios."""
    measured = Measured(CASES, {name: ratio for name, ratio in RATIOS.items() if name in only})
    needed = measured.needed | ({"sink"} if LIVE in only else set())
    say_load()
    with running_stack(say, keep, fresh, make_lib_folder) as settings:
        rows_number = int(number * ROWS_SHARE)
        log = preloaded(settings, number, say)
        log_of_rows = preloaded(settings, rows_number, say) if needed & WRITES_ROWS else log
        measured.run_in_turns(needed, repeat, lambda name: log_of_rows if name in WRITES_ROWS else log, say)
        live = _live(measured, settings, rows_number) if LIVE in only else None
    print_ratios(measured)
    print_cases(measured)
    if live is not None:
        _print_live(live)
    print_json_line(measured)
    measured.require_all()


def _live(measured: Measured, settings: Settings, events: int) -> Live | None:
    if "sink" in measured.failed:
        return None
    try:
        return measure(settings, events / min(result.seconds for result in measured.results["sink"]) / 2, say)
    except SmaError as error:
        measured.failed.add(LIVE)
        say(f"{LIVE}: {error}")
        return None


def _print_live(live: Live) -> None:
    out.print(
        f"At half load ({live.per_second:,.0f} events/s), from the event that closes a row to the visible row: "
        f"p50 {live.p50_s * 1_000:.0f} ms, p99 {live.p99_s * 1_000:.0f} ms ({live.rows:,} rows).\n"
        f"After the TaskManager was killed, every partition had new rows again in {live.recovery_s:.1f} s.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    run_command(bench)
