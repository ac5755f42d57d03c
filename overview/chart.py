"""Turns the windows of a series into what plotly.js draws: lines with gaps, marks, and the exact averages on hover."""

from collections.abc import Iterator
from typing import Any

from batch.report.series_windows import EXPLAINED, NOT_RECONCILED, UNEXPLAINED, SeriesWindows
from pictures.lines import COLOURS, KINDS, LAYERS, LEGEND, Mark, count_differences, dots, joined, lines, marks
from pictures.thinning import mark_runs, thin

_SYMBOLS = {EXPLAINED: "circle", UNEXPLAINED: "x", NOT_RECONCILED: "diamond"}
_WIDTHS = {"stream": 1.4, "batch": 1.6}
_NOT_FINAL = 0.4

Trace = dict[str, Any]


def traces(series: SeriesWindows) -> tuple[list[Trace], int]:
    """Return the traces of plotly.js and how many windows they have; times are in milliseconds since the Unix epoch.

    Averages are floats where they are drawn, and exact text where they are read.
    """
    thinned = thin(mark_runs(series.windows, series.average.every_ms))
    drawn = [trace for layer in LAYERS for trace in _lines(list(lines(thinned, layer)), layer)]
    counts = count_differences(series.windows)
    found = marks(thinned)
    drawn += [
        _marks([mark for mark in found if mark.kind == kind], kind, counts[kind]) for kind in KINDS if kind in counts
    ]
    return drawn, thinned.height


def _lines(of_layer: list[Any], layer: str) -> Iterator[Trace]:
    for is_final in (True, False):
        look = [line for line in of_layer if line.is_final == is_final]
        if not look:
            continue
        name = LEGEND[layer] if is_final else f"{LEGEND[layer]}, not final"
        shared = {"opacity": 1 if is_final else _NOT_FINAL, "legendgroup": name, "name": name}
        points = joined(look)
        yield {
            **shared,
            "mode": "lines",
            "x": [as_of_ms for as_of_ms, _ in points],
            "y": [None if average is None else float(average) for _, average in points],
            "text": ["" if average is None else str(average) for _, average in points],
            "connectgaps": False,
            "line": {"color": COLOURS[layer], "width": _WIDTHS[layer]},
            "hovertemplate": f"{layer}{'' if is_final else ', not final'}: %{{text}}<extra></extra>",
        }
        alone = dots(look)
        if alone:
            yield {
                **shared,
                "mode": "markers",
                "x": [as_of_ms for as_of_ms, _ in alone],
                "y": [float(average) for _, average in alone],
                "marker": {"color": COLOURS[layer], "size": 4},
                "showlegend": False,
                "hoverinfo": "skip",
            }


def _marks(of_kind: list[Mark], kind: str, count: int) -> Trace:
    return {
        "mode": "markers",
        "name": f"{LEGEND[kind]}: {count:,}",
        "x": [mark.as_of_ms for mark in of_kind],
        "y": [float(mark.at) for mark in of_kind],
        "text": [
            f"differs, {kind}" + (f"; late events: {mark.late_events:,}" if mark.late_events else "")
            for mark in of_kind
        ],
        "marker": {"color": COLOURS[kind], "symbol": _SYMBOLS[kind], "size": 11 if kind == UNEXPLAINED else 6},
        "hovertemplate": "%{text}<extra></extra>",
    }
