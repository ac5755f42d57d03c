"""Draws the worst series of a day as a small picture for Dagster's pages."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch.report.worst_series import SeriesRows

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 7.2, 2.6, 80


def chart(series: "SeriesRows") -> str:
    """Return a small PNG as Markdown; Dagster's metadata has pictures inline."""
    # matplotlib is slow to import, and definitions load without it
    from matplotlib.figure import Figure

    from pictures.series import draw_windows

    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    draw_windows(axes, series.windows, series.every_ms)
    axes.set_title(f"{series.customer}/{series.metric}, average {series.average}", fontsize=9, parse_math=False)
    axes.set_xlabel("as of, UTC", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    written = BytesIO()
    figure.savefig(written, format="png")
    return f"![stream against batch](data:image/png;base64,{base64.b64encode(written.getvalue()).decode()})"
