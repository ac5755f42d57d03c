"""Draws the report's pages with matplotlib: the project's own layout, names, formats and colours, and the views' rows.

The pictures are not screenshots: Power BI draws the pages in its own way. What the measures compute is in
`powerbi.pictures.measures`, how one visual is drawn in `powerbi.pictures.drawing`.
"""

from collections import Counter
from collections.abc import Callable

from matplotlib.figure import Figure

from powerbi.checks.report import Box, page, visuals
from powerbi.pictures.drawing import draw_visual
from powerbi.pictures.measures import Selection
from powerbi.pictures.rows import Row
from powerbi.pictures.sheet import Sheet
from sma.errors import SmaError

_NOTE = "Drawn by matplotlib from the project's files and the views that it reads. Not a screenshot of Power BI."
_NOTE_HEIGHT = 24
_GAP = 16
_PHONE_MARGIN = 8


def draw_overview(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Overview', of all series."""
    return _draw_page("overview", Selection(rows))


def draw_series(rows: dict[str, list[Row]]) -> Figure:
    """The page 'One series', on the day with the most differing windows of a series that the live table also has."""
    return _draw_page("series", _one_series(rows))


def draw_quality(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Data quality', of all series."""
    return _draw_page("quality", Selection(rows))


def draw_tooltips(rows: dict[str, list[Row]]) -> Figure:
    """The pages that Power BI shows as tooltips: of one differing window, and of its day."""
    series = _one_series(rows)
    window = series.of("Differences")[0]
    day = Selection(rows, {("Calendar", "Date"): window.date})
    sheet, left = Sheet(2 * page("window")["width"] + 3 * _GAP, page("window")["height"] + 2 * _GAP, _NOTE_HEIGHT), _GAP
    for name, selection in (("window", series.where({("Moving averages", "As of (UTC)"): window.as_of})), ("day", day)):
        content = page(name)
        sheet.fill(Box(left, _GAP, content["width"], content["height"]))
        for visual in visuals():
            if visual.page == name:
                draw_visual(sheet, visual, selection, sheet.moved(visual.box, left, _GAP))
        left += content["width"] + _GAP
    return sheet.finish(_NOTE)


def draw_phone(rows: dict[str, list[Row]]) -> Figure:
    """The pages as a phone shows them, next to one another."""
    pages = {"overview": Selection(rows), "series": _one_series(rows), "quality": Selection(rows)}
    shown = [(visual, visual.phone) for visual in visuals() if visual.phone]
    width = max(box.x + box.width for _, box in shown) + _PHONE_MARGIN
    height = max(box.y + box.height for _, box in shown) + _PHONE_MARGIN
    sheet = Sheet(len(pages) * (width + _GAP) + _GAP, height + 2 * _GAP, _NOTE_HEIGHT)
    for number, (name, selection) in enumerate(pages.items()):
        left = _GAP + number * (width + _GAP)
        of_page = [(visual, box) for visual, box in shown if visual.page == name]
        end = max(box.y + box.height for _, box in of_page) + _PHONE_MARGIN
        sheet.fill(Box(left, _GAP, width, end))
        for visual, box in of_page:
            draw_visual(sheet, visual, selection, sheet.moved(box, left, _GAP))
    return sheet.finish(_NOTE)


def _draw_page(name: str, selection: Selection) -> Figure:
    content = page(name)
    sheet = Sheet(content["width"], content["height"], _NOTE_HEIGHT)
    sheet.fill(Box(0, 0, content["width"], content["height"]))
    for visual in visuals():
        if visual.page == name:
            draw_visual(sheet, visual, selection, visual.box)
    return sheet.finish(_NOTE)


def _one_series(rows: dict[str, list[Row]]) -> Selection:
    """The series, average and day with the most differing windows.

    Raises:
        SmaError: no window of a series that is live differs.
    """
    live = {(row.series_label, row.average) for row in rows["Moving averages live"]}
    differences = Counter(
        (row.series_label, row.average, row.date)
        for row in rows["Differences"]
        if (row.series_label, row.average) in live
    )
    if not differences:
        raise SmaError("no window of a series that is live differs: there is nothing to draw on the page 'One series'")
    ((series, average, day), _), *_ = differences.most_common(1)
    return Selection(rows, {("Series", "Series"): series, ("Averages", "Average"): average, ("Calendar", "Date"): day})


PICTURES: dict[str, Callable[[dict[str, list[Row]]], Figure]] = {
    "overview": draw_overview,
    "series": draw_series,
    "quality": draw_quality,
    "tooltips": draw_tooltips,
    "phone": draw_phone,
}
