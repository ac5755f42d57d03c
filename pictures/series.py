"""Draws one series with matplotlib: the stream against the batch layer, differing windows marked, gaps as gaps."""

import warnings
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
import polars as pl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from batch.report.series_windows import EXPLAINED, NOT_RECONCILED, UNEXPLAINED, SeriesWindows
from pictures.lines import COLOURS, KINDS, LAYERS, LEGEND, count_differences, dots, joined, lines, marks
from pictures.thinning import mark_runs, thin
from sma.instants import format_instant, instant
from sma.window import window_in_words

_STAMPS = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}
FORMATS = tuple(_STAMPS)
_SHAPES = {EXPLAINED: "o", UNEXPLAINED: "X", NOT_RECONCILED: "d"}
_WIDTHS = {"stream": 1.2, "batch": 1.4}  # or an edge of the stream would show where they agree
_NOT_FINAL = 0.4
_NO_POINT = float("nan")
_GREY = "#666666"


def draw_series(series: SeriesWindows) -> Figure:
    """Return the picture of a series, with a title, a legend in words and what was left out."""
    figure = Figure((12.0, 5.4), dpi=110, layout="constrained")
    axes = figure.subplots()
    drawn = draw_windows(axes, series.windows, series.average.every_ms)
    figure.suptitle(
        f"{series.customer}/{series.metric}: {title_in_words(series)}",
        x=0.01,
        ha="left",
        fontsize=13,
        weight="bold",
        parse_math=False,
    )
    first_ms, last_ms = series.windows["as_of_ms"][0], series.windows["as_of_ms"][-1]
    shown = f"{format_instant(first_ms)} to {format_instant(last_ms)}; {series.windows.height:,} windows"
    if drawn < series.windows.height:
        shown += f", of which {drawn:,} are drawn: the lowest, the highest and each kind of difference of short spans"
    axes.set_title(shown, loc="left", fontsize=9, color=_GREY)
    axes.set_xlabel("as of, UTC", fontsize=9)
    axes.set_ylabel(series.metric, parse_math=False)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=4, fontsize=9, frameon=False)
    return figure


def title_in_words(series: SeriesWindows) -> str:
    """Return what is averaged, e.g. `average of the last 1 hour, every 1 minute (hour)`."""
    window, every = window_in_words(series.average.window), series.average.every_in_words
    return f"average of the last {window}, every {every} ({series.average.name})"


def draw_windows(axes: Axes, windows: pl.DataFrame, every_ms: int) -> int:
    """Draw lines and marks on axes, with a label for each in the legend; return how many windows were drawn.

    Args:
        axes: where; its time axis becomes one of UTC.
        windows: as of `SeriesWindows.windows`.
        every_ms: distance of two grid points of the average.
    """
    thinned = thin(mark_runs(windows, every_ms))
    for layer in LAYERS:
        of_layer = list(lines(thinned, layer))
        for is_final in (True, False):
            look = [line for line in of_layer if line.is_final == is_final]
            if look:
                axes.plot(
                    *_coordinates(joined(look)),
                    color=COLOURS[layer],
                    alpha=1 if is_final else _NOT_FINAL,
                    linewidth=_WIDTHS[layer],
                    label=LEGEND[layer] if is_final else f"{LEGEND[layer]}, not final",
                )
                axes.plot(
                    *_coordinates(dots(look)),
                    ".",
                    color=COLOURS[layer],
                    alpha=1 if is_final else _NOT_FINAL,
                    markersize=3,
                )
    counts = count_differences(windows)
    for kind in KINDS:
        of_kind = [mark for mark in marks(thinned) if mark.kind == kind]
        if of_kind:
            axes.plot(
                *_coordinates([(mark.as_of_ms, mark.at) for mark in of_kind]),
                _SHAPES[kind],
                color=COLOURS[kind],
                markersize=8 if kind == UNEXPLAINED else 4,
                label=f"{LEGEND[kind]}: {counts[kind]:,}",
            )
    locator = AutoDateLocator(tz="UTC")  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]
    return thinned.height


def _coordinates(points: Sequence[tuple[int, Decimal | None]]) -> tuple[list[Any], list[float]]:
    """Return times and averages as matplotlib draws them; no line crosses a point without an average."""
    return [instant(as_of_ms) for as_of_ms, _ in points], [_NO_POINT if at is None else float(at) for _, at in points]


def write_picture(series: SeriesWindows, target: Path | BinaryIO, file_format: str) -> None:
    """Draw a series into a file; the same rows give the same bytes.

    Args:
        series: with at least one window.
        target: the file, or what takes its bytes.
        file_format: one of `FORMATS`.
    """
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "sma"}):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of a name in another script
        draw_series(series).savefig(target, format=file_format, metadata={_STAMPS[file_format]: None})
