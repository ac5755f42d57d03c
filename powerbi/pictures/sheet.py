"""A sheet to draw on, measured in pixels, and the colours of the report's theme. It knows no visuals."""

import json
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Rectangle

from powerbi.checks.paths import THEME
from powerbi.checks.report import Box

COLOURS = json.loads(THEME.read_text())
STYLES = COLOURS["visualStyles"]
INK, GREY = COLOURS["foreground"], COLOURS["foregroundNeutralSecondary"]
RULE = STYLES["*"]["*"]["border"][0]["color"]["solid"]["color"]
FONT_SCALE = 0.88  # matplotlib's font is wider than Segoe UI
_DPI = 96  # so that the theme's points are as large as in Power BI


class Sheet:
    """A drawing surface measured in pixels from the left and the top, with a line for a note below it."""

    def __init__(self, width: float, height: float, note_height: float) -> None:
        self.width, self.height = width, height + note_height
        self.figure = Figure(figsize=(width / _DPI, self.height / _DPI), dpi=_DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(self.height, 0)
        self._axes.axis("off")

    def moved(self, box: Box, x: float, y: float) -> Box:
        """Return a box further right and down."""
        return Box(box.x + x, box.y + y, box.width, box.height)

    def fill(self, box: Box, colour: str = "") -> None:
        """Fill a box with a colour, by default the page's."""
        colour = colour or STYLES["page"]["*"]["background"][0]["color"]["solid"]["color"]
        self._axes.add_patch(Rectangle((box.x, box.y), box.width, box.height, facecolor=colour, linewidth=0))

    def frame(self, box: Box) -> None:
        """Draw the border of a visual and fill it with white."""
        radius = STYLES["*"]["*"]["border"][0]["radius"]
        style = f"round,pad=0,rounding_size={radius}"
        self._axes.add_patch(
            FancyBboxPatch(
                (box.x, box.y), box.width, box.height, style, facecolor="white", edgecolor=RULE, lw=0.8, gid="frame"
            )
        )

    def line(self, x: float, end: float, y: float) -> None:
        """Draw a horizontal rule."""
        self._axes.plot([x, end], [y, y], color=RULE, linewidth=0.6)

    def write(self, x: float, y: float, words: str, size: float, **style: Any) -> None:
        """Write text whose vertical middle is at y; `ha`, `color` and `weight` as matplotlib has them."""
        style = {"color": INK, "va": "center", **style}
        self._axes.text(x, y, words, fontsize=size * FONT_SCALE, **style)

    def length(self, words: str, size: float, weight: str = "normal") -> float:
        """Return the width of a text in pixels."""
        font = FontProperties(size=size * FONT_SCALE, weight=weight)
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        width: float = renderer.get_text_width_height_descent(words, font, ismath=False)[0]
        return width

    def chart(self, box: Box) -> Axes:
        """Return axes that fill a box but for their labels."""
        left, right, top, bottom = 62, 14, 24, 26
        return self.figure.add_axes(
            (
                (box.x + left) / self.width,
                1 - (box.y + box.height - bottom) / self.height,
                (box.width - left - right) / self.width,
                (box.height - top - bottom) / self.height,
            )
        )

    def finish(self, note: str) -> Figure:
        """Write the note and return the figure."""
        self.write(self.width - 8, self.height - 11, note, 9, color=GREY, ha="right", gid="note")
        return self.figure
