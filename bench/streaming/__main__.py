"""`make bench-streaming`: measures the streaming layer, and what others do with the same events on this machine.

bench/README.md says what each case does and why the comparison is fair.
"""

from pathlib import Path

import click

from bench.cluster import running_stack
from bench.command import say_load, with_options
from bench.events import Log, beginning, preloaded
from bench.report import print_cases, print_json_line, print_ratios, warn_of_uneven
from bench.rounds import Rounds
from bench.streaming.cases import CASES, RATIOS, ROWS_SHARE, WARM_UP_SHARE, WRITES_ROWS
from bench.streaming.flink_lib import make_lib_folder
from bench.streaming.live import Live, measure
from cli.console import out, say
from cli.main import run_command
from sma.errors import SmaError
from sma.settings import Settings

LIVE = "live"  # latency and recovery of the running job


@click.command()
@with_options((*RATIOS, LIVE))
@click.option("--live-seconds", default=60.0, show_default=True, help="how long the running job is at half load")
def bench(
    only: tuple[str, ...],
    number: int,
    repeat: int,
    warm_up: bool,
    keep: bool,
    fresh: bool,
    lender: Path | None,
    live_seconds: float,
) -> None:
    """Measure the streaming layer and print a table; the last line is a JSON object of the ratios."""
    rounds = Rounds(CASES, {name: ratio for name, ratio in RATIOS.items() if name in only})
    needed = rounds.needed | ({"sink"} if LIVE in only else set())
    say_load()
    with running_stack(say, keep=keep, fresh=fresh, lender=lender, make_flink_lib=make_lib_folder) as settings:

        def log_of(name: str) -> Log:
            return preloaded(settings, int(number * ROWS_SHARE) if name in WRITES_ROWS else number, say)

        def beginning_of(name: str) -> Log:
            return beginning(log_of(name), WARM_UP_SHARE, say)

        rounds.run(needed, repeat, log_of, beginning_of if warm_up else None, say)
        live = _live(rounds, settings, number * ROWS_SHARE, live_seconds) if LIVE in only else None
    print_ratios(rounds)
    print_cases(rounds)
    if live is not None:
        _print_live(live)
    warn_of_uneven(rounds, say)
    print_json_line(rounds)
    rounds.require_all()


def _live(rounds: Rounds[Log], settings: Settings, events: float, for_s: float) -> Live | None:
    if "sink" in rounds.failed:
        return None
    half_load = events / min(result.seconds for result in rounds.results["sink"]) / 2
    try:
        return measure(settings, half_load, for_s, say)
    except SmaError as error:
        rounds.failed.add(LIVE)
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
