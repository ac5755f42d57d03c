"""What the benchmark has found, in words: tables for a reader, one JSON object for a program."""

import json
from collections.abc import Sequence

from bench.cases import CASES, RATIOS, Measured
from bench.live import Live
from cli.console import out, print_table

_MIB = 1 << 20


def print_report(measured: Measured, ratios: Sequence[str], live: Live | None) -> None:
    """Print all; the last line is the JSON object of the ratios."""
    if ratios:
        print_table(
            "Ratios: ours / theirs, the best run of each",
            ["what", "ours", "theirs", "ratio", "at least", "reach for", ""],
            [_ratio_row(measured, name) for name in ratios],
        )
    if measured.results:
        print_table(
            "Every case: events a second, or rows where they are written; the TaskManager's processor time and memory",
            ["case", "best", "all runs", "of", "processor", "memory"],
            [_case_row(measured, name) for name in CASES if name in measured.results],
        )
    if live is not None:
        out.print(
            f"At half load ({live.per_second:,.0f} events/s), from the event that closes a row to the visible row: "
            f"p50 {live.p50_s * 1_000:.0f} ms, p99 {live.p99_s * 1_000:.0f} ms ({live.rows:,} rows).\n"
            f"After the TaskManager was killed, every partition had new rows again in {live.recovery_s:.1f} s.",
            soft_wrap=True,
        )
    print(json.dumps({name: round(measured.ratio(RATIOS[name]), 3) for name in ratios}))


def _ratio_row(measured: Measured, name: str) -> tuple[str, ...]:
    ratio = RATIOS[name]
    found = measured.ratio(ratio)
    verdict = "below" if found < ratio.at_least else "reached" if found >= ratio.reach_for else "good enough"
    return (
        ratio.title,
        f"{min(map(measured.rate, ratio.ours)):,.0f}",
        f"{max(map(measured.rate, ratio.theirs)):,.0f}",
        f"{found:.2f}",
        f"{ratio.at_least:g}",
        f"{ratio.reach_for:g}",
        verdict,
    )


def _case_row(measured: Measured, name: str) -> tuple[str, ...]:
    results = measured.results[name]
    costs = measured.costs.get(name, [])
    return (
        CASES[name].title,
        f"{measured.rate(name):,.0f}",
        " ".join(f"{result.per_second:,.0f}" for result in results),
        f"{results[0].items:,}",
        f"{min(cost.cpu_s for cost in costs):,.1f} s" if costs else "",
        f"{max(cost.peak_bytes for cost in costs) / _MIB:,.0f} MiB" if costs else "",
    )
