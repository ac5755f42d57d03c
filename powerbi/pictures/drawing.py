"""Draws one visual of the report on a sheet, in the colours of its theme: slicers, cards, tables and charts.

Which visual stands where is in `powerbi.pictures.pages`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter

from powerbi.checks.model import tables
from powerbi.checks.report import Box, Field, Visual, literal
from powerbi.pictures.formats import text
from powerbi.pictures.measures import MEASURES, Selection, order
from powerbi.pictures.sheet import FONT_SCALE, GREY, RULE, STYLES, Sheet

_PADDING, _TITLE_HEIGHT, _ROW_HEIGHT, _COLUMN_SPACE = 8, 26, 22, 6
_MODEL = tables()


def draw_visual(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    """Draw a visual of the selected rows in a box."""
    sheet.frame(box)
    sheet.write(box.x + _PADDING, box.y + 15, visual.title, 11, weight="bold")
    top = _TITLE_HEIGHT
    if subtitle := visual.container("subTitle"):
        sheet.write(box.x + _PADDING, box.y + top + 6, subtitle["text"], 10, color=GREY)
        top += 18
    inner = Box(box.x + _PADDING, box.y + top, box.width - 2 * _PADDING, box.height - top - _PADDING)
    VISUALS[visual.type](sheet, visual, selection, inner)


def _slicer(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    (field,) = visual.fields("Values")
    chosen = selection.chosen.get((field.table, field.name))
    middle = box.y + min(box.height / 2, 20)
    sheet.line(box.x, box.x + box.width, middle + 14)
    if field.name == "Date":
        days = [row.date for row in selection.of("Moving averages")]
        words = f"{chosen or min(days)}   to   {chosen or max(days)}"
    else:
        words = str(chosen or "All")
        sheet.write(box.x + box.width, middle, "▾", 10, color=GREY, ha="right")
    sheet.write(box.x, middle, words, 10)


def _card(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    (field,) = visual.fields("Values")
    size = STYLES["card"]["*"]["labels"][0]["fontSize"]
    value = _text(field, MEASURES[field.name](selection)) or "(Blank)"
    sheet.write(box.x + box.width / 2, box.y + box.height / 2, value, size, ha="center")


def _rows_of_fields(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    fields, (values, *_) = visual.fields("Values"), _body(visual, selection)
    for number, (field, value) in enumerate(zip(fields, values, strict=True)):
        y = box.y + box.height / len(fields) * (number + 0.5)
        sheet.write(box.x, y, field.label, 10, color=GREY)
        sheet.write(box.x + box.width, y, value, 11, ha="right")


def _table(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    fields, body = visual.fields("Values"), _body(visual, selection)
    room = int(box.height // _ROW_HEIGHT) - 1
    if len(body) > room:
        room -= 1  # for the note
    shown = body[:room]
    widths = [
        max(sheet.length(field.label, 10, "bold"), *(sheet.length(row[number], 10) for row in shown))
        for number, field in enumerate(fields)
    ]
    columns = _columns_that_fit(widths, box.width)
    left_out = [
        f"{count:,} more {name}"
        for count, name in ((len(body) - room, "rows"), (len(fields) - columns, "columns"))
        if count > 0
    ]
    sheet.write(box.x, box.y + box.height - _ROW_HEIGHT / 2, ", ".join(left_out), 10, color=GREY)
    header = STYLES["tableEx"]["*"]["columnHeaders"][0]["backColor"]["solid"]["color"]
    sheet.fill(Box(box.x, box.y, box.width, _ROW_HEIGHT), header)
    space = (box.width - sum(widths[:columns])) / columns
    x = box.x
    for number, (field, width) in enumerate(zip(fields[:columns], widths, strict=False)):
        at, side = (x + width + space / 2, "right") if _is_number(field) else (x + space / 2, "left")
        sheet.write(at, box.y + _ROW_HEIGHT / 2, field.label, 10, weight="bold", ha=side)
        for index, row in enumerate(shown):
            sheet.write(at, box.y + _ROW_HEIGHT * (index + 1.5), row[number], 10, ha=side)
        x += width + space
    for index in range(len(shown)):
        sheet.line(box.x, box.x + box.width, box.y + _ROW_HEIGHT * (index + 2))


def _columns_that_fit(widths: list[float], width: float) -> int:
    """How many columns fit next to one another; Power BI scrolls to the others."""
    for count in range(len(widths), 1, -1):
        if sum(widths[:count]) + count * _COLUMN_SPACE <= width:
            return count
    return 1


def _dots(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    (category,), measures = visual.fields("Category"), visual.fields("Y")
    groups = list(selection.groups([category], category.table))
    times = [group.chosen[category.table, category.name] for group in groups]
    axes = sheet.chart(box)
    sizes, fills = visual.settings("lineStyles", "markerSize"), visual.colours()
    for measure in measures:
        values = [MEASURES[measure.name](group) for group in groups]
        points = [(at, float(value)) for at, value in zip(times, values, strict=True) if value is not None]
        name = f"{measure.table}.{measure.name}"
        axes.plot(
            [at for at, _ in points],
            [value for _, value in points],
            linestyle="none",
            marker="o",
            markersize=float(literal(sizes[name]).rstrip("D")) * 0.75,
            markeredgewidth=0,
            color=fills[name],
            label=measure.label,
        )
    _finish_chart(axes, visual, times)


def _columns(sheet: Sheet, visual: Visual, selection: Selection, box: Box) -> None:
    (category,), measures, split = visual.fields("Category"), visual.fields("Y"), visual.fields("Series")
    groups = list(selection.groups([category], measures[0].table))
    days = [group.chosen[category.table, category.name] for group in groups]
    bars: dict[str, list[float]] = {}
    if split:
        (field,), (measure,) = split, measures
        for one in selection.groups([field], field.table):
            value = one.chosen[field.table, field.name]
            bars[value] = [float(MEASURES[measure.name](group.where(one.chosen)) or 0) for group in groups]
    else:
        for measure in measures:
            name = f"{measure.table}.{measure.name}"
            bars[name] = [float(MEASURES[measure.name](group) or 0) for group in groups]
    axes = sheet.chart(box)
    labels = {f"{measure.table}.{measure.name}": measure.label for measure in measures}
    fills, bottom = visual.colours(), [0.0] * len(days)
    for name, heights in bars.items():
        axes.bar(days, heights, bottom=bottom, color=fills[name], label=labels.get(name, name))
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_ylim(0, max([*bottom, 1]) * 1.05)
    _finish_chart(axes, visual, days)


def _finish_chart(axes: Axes, visual: Visual, at: Sequence[date | datetime]) -> None:
    title = visual.content["visual"]["objects"]["valueAxis"][0]["properties"]["titleText"]
    axes.set_ylabel(literal(title), fontsize=10 * FONT_SCALE, color=GREY)
    axes.legend(
        frameon=False,
        fontsize=10 * FONT_SCALE,
        ncols=4,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.98),
        markerscale=1.6,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, labelcolor=GREY, length=0)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    is_short = max(at) - min(at) < timedelta(days=2) and isinstance(at[0], datetime)
    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=5))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M" if is_short else "%Y-%m-%d"))  # type: ignore[no-untyped-call]


def _body(visual: Visual, selection: Selection) -> list[list[str]]:
    """The rows of a table as text: a row for each combination of its columns, sorted as the visual is."""
    fields = visual.fields("Values")
    columns = [field for field in fields if field.kind == "Column"]
    home = next((field.table for field in fields if field.kind == "Measure"), fields[0].table)
    groups = list(selection.groups(columns, home))
    for one in reversed(visual.content["visual"]["query"].get("sortDefinition", {}).get("sort", [])):
        ((_, field),) = one["field"].items()
        key = (field["Expression"]["SourceRef"]["Entity"], field["Property"])
        groups.sort(
            key=lambda group, key=key: order([key], group.of(home)[0]),  # type: ignore[misc]
            reverse=one["direction"] == "Descending",
        )
    return [[_text(field, _value(field, group)) for field in fields] for group in groups]


def _value(field: Field, group: Selection) -> Any:
    if field.kind == "Measure":
        return MEASURES[field.name](group)
    key = (field.table, field.name)
    return group.chosen[key]


def _text(field: Field, value: Any) -> str:
    return text(_MODEL[field.table].named(field.kind.lower())[field.name], value)


def _is_number(field: Field) -> bool:
    described = _MODEL[field.table].named(field.kind.lower())[field.name].properties
    is_time = "yyyy" in described.get("formatString", "")
    return not is_time and described.get("dataType") not in ("string", "boolean")


VISUALS = {
    "slicer": _slicer,
    "card": _card,
    "multiRowCard": _rows_of_fields,
    "tableEx": _table,
    "lineChart": _dots,
    "columnChart": _columns,
}
