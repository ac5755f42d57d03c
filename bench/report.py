"""What a benchmark has found, in words: tables for a reader, one JSON object for a program."""

import json

from bench.cases import Measure, Measured, Ratio
from cli.console import print_table


def print_ratios(measured: Measured) -> None:
    """Print what the ratios have come to, with what is wanted of them."""
    if measured.found:
        print_table(
            "Ratios: ours / theirs, the median run of each",
            ["what", "ours", "theirs", "ratio", "wanted", "reach for", ""],
            [_ratio_row(measured, ratio) for ratio in measured.found.values()],
        )


def print_cases(measured: Measured) -> None:
    """Print a row for each case that was run."""
    if measured.results:
        print_table(
            "Every case: events, windows or rows a second; processor time and memory where they were measured",
            ["case", "median", "all runs", "of", "processor", "memory"],
            [_case_row(measured, name) for name in measured.cases if name in measured.results],
        )


def print_json_line(measured: Measured) -> None:
    """Print the JSON object of the ratios: the last line."""
    print(json.dumps({name: round(measured.ratio(ratio), 4) for name, ratio in measured.found.items()}))


def _ratio_row(measured: Measured, ratio: Ratio) -> tuple[str, ...]:
    found, measure = measured.ratio(ratio), measured.measure(ratio)
    sign = 1 if measure.more_is_better else -1
    misses = sign * found < sign * ratio.wanted
    reaches = sign * found >= sign * ratio.reach_for
    return (
        ratio.title,
        *map(measure.shown, measured.sides(ratio)),
        f"{found:.3f}" if found < 0.1 else f"{found:.2f}",
        f"{'at least' if measure.more_is_better else 'at most'} {ratio.wanted:.3g}",
        f"{ratio.reach_for:.3g}",
        "missed" if misses else "reached" if reaches else "good enough",
    )


def _case_row(measured: Measured, name: str) -> tuple[str, ...]:
    case, results = measured.cases[name], measured.results[name]
    cpu_s = min(result.cpu_s for result in results)
    peak_bytes = max(result.peak_bytes for result in results)
    return (
        case.title,
        case.measure.shown(measured.figure(name)),
        " ".join(case.measure.shown(case.figure(result)) for result in results),
        f"{results[0].items:,}",
        Measure.SECONDS.shown(cpu_s) if cpu_s else "",
        Measure.BYTES.shown(peak_bytes) if peak_bytes else "",
    )
