"""Splits the windows of a series into the lines and marks that a picture draws."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from batch.report.series_windows import EXPLAINED, NOT_RECONCILED, UNEXPLAINED

Layer = Literal["stream", "batch"]
LAYERS: tuple[Layer, Layer] = ("stream", "batch")
"""In the order of drawing: where the layers agree, the batch layer's line covers the stream's."""

KINDS = (EXPLAINED, UNEXPLAINED, NOT_RECONCILED)
LEGEND = {
    "batch": "batch: every event",
    "stream": "stream: without late events",
    EXPLAINED: "differs, explained by late events",
    UNEXPLAINED: "differs, UNEXPLAINED",
    NOT_RECONCILED: "differs, not reconciled yet",
}
COLOURS = {  # Okabe and Ito's, which colour-blind people tell apart
    "batch": "#0072b2",
    "stream": "#e69f00",
    EXPLAINED: "#009e73",
    UNEXPLAINED: "#d55e00",
    NOT_RECONCILED: "#666666",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line without a gap: (as_of_ms, average) by time. A line of one point is a dot."""

    layer: Layer
    is_final: bool
    points: tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A window in which the layers differ; None where a layer has no row."""

    kind: str
    as_of_ms: int
    stream: Decimal | None
    batch: Decimal | None
    late_events: int

    @property
    def at(self) -> Decimal:
        """The average at which it is drawn: the batch layer's where it has one."""
        return self.batch if self.batch is not None else self.stream or Decimal(0)


def lines(windows: pl.DataFrame, layer: Layer) -> Iterator[Line]:
    """Yield the lines of a layer, by time.

    A line ends at a gap, that is a grid point without a window or a window that the layer has no row of; and where
    final and other windows meet, which share one point.

    Args:
        windows: columns of `batch.report.series_windows.SeriesWindows.windows` and run; sorted in as_of_ms.
        layer: whose averages to draw.
    """
    points: list[tuple[int, Decimal]] = []
    drawn: tuple[int, bool] | None = None
    for as_of_ms, average, is_final, run in windows.select("as_of_ms", layer, "is_final", "run").iter_rows():
        if average is None:
            if points and drawn is not None:
                yield Line(layer, drawn[1], tuple(points))
            points, drawn = [], None
            continue
        if points and drawn is not None and drawn != (run, is_final):
            yield Line(layer, drawn[1], tuple(points))
            points = points[-1:] if drawn[0] == run else []
        points.append((as_of_ms, average))
        drawn = (run, is_final)
    if points and drawn is not None:
        yield Line(layer, drawn[1], tuple(points))


def joined(of_one_look: Iterable[Line]) -> list[tuple[int, Decimal | None]]:
    """Return lines as one list of points, with a point without an average wherever a line ends and another begins."""
    points: list[tuple[int, Decimal | None]] = []
    for line in of_one_look:
        if points:
            points.append((line.points[0][0], None))
        points.extend(line.points)
    return points


def dots(of_one_look: Iterable[Line]) -> list[tuple[int, Decimal]]:
    """Return the points that no line connects with another one."""
    return [line.points[0] for line in of_one_look if len(line.points) == 1]


def marks(windows: pl.DataFrame) -> list[Mark]:
    """Return the windows in which the layers differ, by time."""
    differing = windows.filter(pl.col("difference").is_not_null())
    columns = ("difference", "as_of_ms", "stream", "batch", "late_events")
    return [Mark(*row) for row in differing.select(columns).iter_rows()]


def count_differences(windows: pl.DataFrame) -> dict[str, int]:
    """Return how many windows differ, by kind; kinds that do not occur are left out."""
    counted: dict[Any, int] = dict(windows["difference"].drop_nulls().value_counts().iter_rows())
    return {kind: counted[kind] for kind in KINDS if kind in counted}
