"""Prints the results of a benchmark: tables for a reader, one JSON object for a program."""

import json
from collections.abc import Callable
from typing import Any

from bench.cases import Measure, Ratio
from bench.rounds import Rounds
from cli.console import print_table

UNEVEN = "uneven"


def print_ratios(rounds: Rounds[Any]) -> None:
    """Print the ratios, with their targets."""
    if rounds.found:
        print_table(
            "Ratios: ours / theirs, the median run of each",
            ["what", "ours", "theirs", "ratio", "wanted", "reach for", ""],
            [_ratio_row(rounds, ratio) for ratio in rounds.found.values()],
        )


def print_cases(rounds: Rounds[Any]) -> None:
    """Print a row for each case that was run."""
    if rounds.results:
        print_table(
            "Every case: events, windows or rows a second; processor time and memory where they were measured",
            ["case", "median", "least to most", "runs", "of", "processor", "memory"],
            [_case_row(rounds, name) for name in rounds.cases if name in rounds.results],
        )


def warn_of_uneven(rounds: Rounds[Any], say: Callable[[str], None]) -> None:
    """Warn about cases whose runs differ by more than a third, and name the ratios that use them."""
    for name in rounds.uneven:
        case = rounds.cases[name]
        least, most = map(case.measure.shown, rounds.spread(name))
        takers = [ratio for ratio in rounds.found if name in rounds.ratios[ratio].cases]
        say(
            f"warning: the runs of {name} differ by more than a third, from {least} to {most}:"
            f" do not rely on {', '.join(takers) or 'it'}"
        )


def print_json_line(rounds: Rounds[Any]) -> None:
    """Print the JSON object of the ratios: the last line."""
    print(json.dumps({name: round(rounds.ratio(ratio), 4) for name, ratio in rounds.found.items()}))


def _ratio_row(rounds: Rounds[Any], ratio: Ratio) -> tuple[str, ...]:
    found, measure = rounds.ratio(ratio), rounds.measure(ratio)
    sign = 1 if measure.more_is_better else -1
    misses = sign * found < sign * ratio.wanted
    reaches = sign * found >= sign * ratio.reach_for
    verdict = "missed" if misses else "reached" if reaches else "good enough"
    is_even = set(rounds.uneven).isdisjoint((*ratio.ours, *ratio.theirs))
    return (
        ratio.title,
        *map(measure.shown, rounds.sides(ratio)),
        f"{found:.3f}" if found < 0.1 else f"{found:.2f}",
        f"{'at least' if measure.more_is_better else 'at most'} {ratio.wanted:.3g}",
        f"{ratio.reach_for:.3g}",
        verdict if is_even else f"{verdict}, {UNEVEN}",
    )


def _case_row(rounds: Rounds[Any], name: str) -> tuple[str, ...]:
    case, results = rounds.cases[name], rounds.results[name]
    least, most = map(case.measure.shown, rounds.spread(name))
    cpu_s = min(result.cpu_s for result in results)
    peak_bytes = max(result.peak_bytes for result in results)
    return (
        case.title,
        case.measure.shown(rounds.figure(name)),
        "" if len(results) == 1 else f"{least} to {most}" + (f", {UNEVEN}" if name in rounds.uneven else ""),
        str(len(results)),
        f"{results[0].items:,}",
        Measure.SECONDS.shown(cpu_s) if cpu_s else "",
        Measure.BYTES.shown(peak_bytes) if peak_bytes else "",
    )
