"""Writes the demo's page: one series as streamed and as recomputed, in one HTML file without external resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from io import StringIO
from pathlib import Path
from string import Template

import matplotlib as mpl
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

_STREAM, _BATCH, _DIFFERENCE = "#d1731d", "#1d5fa8", "#f3d9b8"

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Stream against batch</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
  table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem; border-bottom: 1px solid #ddd }
  td { text-align: right } td:first-child, th { text-align: left } svg { width: 100%; height: auto }
</style>
<h1>Flights of January 2013: stream against batch</h1>
<p>$intro</p>
$chart
<h2>What was compared</h2>
<table>$figures</table>
<h2>One window that the stream got wrong</h2>
$example
</html>
""")


@dataclass(frozen=True, slots=True)
class Point:
    """One window of the drawn series; None where a layer has no row."""

    as_of: datetime
    stream: Decimal | None
    batch: Decimal | None


def draw_series(points: Sequence[Point], title: str, unit: str) -> str:
    """Return an SVG of both layers' averages over time, windows that differ shaded."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sma", "font.family": "sans-serif"}):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        axes = figure.subplots()
        times = [point.as_of for point in points]
        for earlier, point in zip(points, points[1:], strict=False):
            if point.stream != point.batch:
                axes.axvspan(earlier.as_of, point.as_of, color=_DIFFERENCE, linewidth=0)
        axes.plot(times, [_plotted(point.batch) for point in points], color=_BATCH, label="batch: every event")
        axes.plot(
            times,
            [_plotted(point.stream) for point in points],
            color=_STREAM,
            linewidth=1,
            label="stream: without the late events",
        )
        axes.fill_between([], [], color=_DIFFERENCE, label="windows that differ")
        axes.set(title=title, ylabel=unit)
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.grid(alpha=0.25)
        axes.legend(loc="upper left", fontsize="small")
        svg = StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    text = svg.getvalue()
    return text[text.index("<svg") :]


def write_page(path: Path, *, intro: str, chart_svg: str, figures: Mapping[str, str], example: Sequence[str]) -> None:
    """Write the page; all texts are plain text, the chart is SVG."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in figures.items())
    lines = "".join(f"<p>{escape(line)}</p>" for line in example)
    path.write_text(
        _PAGE.substitute(intro=escape(intro), chart=chart_svg, figures=rows, example=lines), encoding="utf-8"
    )


def _plotted(value: Decimal | None) -> float:
    # the only place where an average becomes a float: a pixel's position
    return float("nan") if value is None else float(value)
