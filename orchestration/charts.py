"""Draws the worst series of a day: the streamed rows against the batch rows."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

from sma.instants import instant

if TYPE_CHECKING:
    from batch.report.worst_series import SeriesRows

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 7.2, 2.4, 80


def chart(series: "SeriesRows") -> str:
    """Return a small PNG as Markdown; Dagster's metadata has pictures inline."""
    # matplotlib is slow to import, and definitions load without it
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    for rows, label, style in ((series.batch, "batch", "-"), (series.streamed, "stream", "--")):
        times = [instant(as_of_ms) for as_of_ms in rows["as_of_ms"]]
        axes.plot(times, rows["average"].to_list(), style, label=label, linewidth=1.2)
    axes.set_title(f"{series.customer}/{series.metric}, average {series.average}", fontsize=9, parse_math=False)
    axes.set_xlabel("as of, UTC", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    written = BytesIO()
    FigureCanvasAgg(figure).print_png(written)
    return f"![stream against batch](data:image/png;base64,{base64.b64encode(written.getvalue()).decode()})"
