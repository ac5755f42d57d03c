"""What do the report's pages show? Pictures drawn with matplotlib from the rows that the model's own queries give.

They are no screenshots: Power BI draws the pages its own way. What is shown, and from which columns, is the report's.

    python -m powerbi.pictures FOLDER        writes powerbi-overview.png, powerbi-series.png, powerbi-quality.png
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import psycopg

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from powerbi.model import read_model, tables
from powerbi.queries import Parameters, statement
from sma.errors import SmaError
from sma.settings import load_settings

STREAM, BATCH, ALARM = "#d08a2e", "#2b5f8a", "#a3262a"
_TABLES = ("Moving averages", "Differences", "Reconciliation", "Data age")
_NOTE = "Drawn by matplotlib from the views that the report reads; no screenshot of Power BI."


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of the model; its columns are attributes."""

    values: dict[str, Any]

    def __getattr__(self, column: str) -> Any:
        return self.values[column]


def read_rows(database_url: str) -> dict[str, list[Row]]:
    """Return the rows of each table with measures, as the model's parameters stand, oldest first.

    Raises:
        SmaError: the database does not answer, has not the views, or has no rows for RangeStart to RangeEnd.
    """
    model, found = tables(), {}
    try:
        with psycopg.connect(database_url) as connection:
            for name in _TABLES:
                source = model[name].named("partition")[name].properties["source"]
                cursor = connection.execute(statement(source, _range()))
                columns = [one.name for one in cursor.description or ()]
                rows = [Row(dict(zip(columns, row, strict=True))) for row in cursor]
                found[name] = sorted(rows, key=lambda row: row.values.get("as_of") or row.values.get("date") or 0)
    except psycopg.Error as error:
        raise SmaError(f"the views of the Power BI model cannot be read: {str(error).splitlines()[0]}") from error
    if not found["Moving averages"]:
        raise SmaError("no rows between the model's RangeStart and RangeEnd: run `make demo` first")
    return found


def _range() -> Parameters:
    """The model's own RangeStart and RangeEnd."""
    values = {}
    for top in read_model():
        if top.name in ("RangeStart", "RangeEnd"):
            numbers = top.expression.removeprefix("#datetime(").split(")")[0].split(",")
            values[top.name] = datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001 - UTC, as as_of
    return Parameters("", values["RangeStart"], values["RangeEnd"])


def draw_overview(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Overview': where each series stands, and how much of it is final."""
    facts = rows["Moving averages"]
    figure, (left, right) = _page(
        "Overview",
        {
            "Newest result (UTC)": f"{facts[-1].as_of:%Y-%m-%d %H:%M}",
            "Rows": f"{len(facts):,}",
            "Share final": f"{sum(row.is_final for row in facts) / len(facts):.1%}",
            "Unexplained windows": f"{sum(row.unexplained for row in rows['Reconciliation']):,}",
        },
    )
    of_series: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in facts:
        of_series[row.series, row.average].append(row)
    body = []
    for (series, average), stated in sorted(of_series.items()):
        newest, before = stated[-1], stated[-2] if len(stated) > 1 else None
        change = f"{newest.sma - before.sma:+.6f}" if before else ""
        body.append((series, average, f"{newest.sma:,.9f}", change, f"{newest.as_of:%m-%d %H:%M}"))
    _table(left, "The newest SMA of each series", ("series", "average", "Current SMA", "Change", "As of"), body)
    by_day = {source: Counter(row.date for row in facts if row.source == source) for source in ("batch", "stream")}
    days = sorted({row.date for row in facts})
    batch, stream = ([by_day[source][day] for day in days] for source in ("batch", "stream"))
    right.bar(days, batch, color=BATCH, label="batch")
    right.bar(days, stream, bottom=batch, color=STREAM, label="stream")
    _axes(figure, right, "Rows by day and by the layer that they come from")
    return figure


def draw_series(rows: dict[str, list[Row]]) -> Figure:
    """The page 'One series', for the series and average with most differing windows, on the day with most of them."""
    found = Counter((row.series, row.average, row.date) for row in rows["Differences"])
    if not found:
        raise SmaError("no window differs between the layers: there is nothing to draw on the page 'One series'")
    ((series, average, day), _), *_ = found.most_common(1)
    said, differing = (
        [row for row in rows[table] if (row.series, row.average, row.date) == (series, average, day)]
        for table in ("Moving averages", "Differences")
    )
    figure, (left, right) = _page(
        f"One series: {series}, average {average}, {day}",
        {
            "Current SMA": f"{said[-1].sma:,.9f}" if said else "",
            "Change": f"{said[-1].sma - said[-2].sma:+,.6f}" if len(said) > 1 else "",
            "Rows": f"{len(said):,}",
            "Differing windows": f"{len(differing):,}",
        },
    )
    for name, colour, values in (
        ("Stream SMA", STREAM, stream_smas(said, differing)),
        ("Batch SMA", BATCH, [row.sma if row.source == "batch" else None for row in said]),
    ):
        numbers = [float("nan") if value is None else float(value) for value in values]
        left.plot([row.as_of for row in said], numbers, color=colour, label=name, linewidth=1.2)
    _axes(figure, left, "What the stream said, and what the batch layer computed")
    names = ("as_of", "class", "explained", "late events", "Stream SMA", "Batch SMA")
    body = [
        (
            f"{row.as_of:%H:%M}",
            row.values["class"],
            "yes" if row.is_explained else "NO",
            f"{row.late_event_count:,}",
            _number(row.stream_sma),
            _number(row.batch_sma),
        )
        for row in reversed(differing)
    ]
    _table(right, "Windows in which they differ", names, body)
    return figure


def stream_smas(said: list[Row], differing: list[Row]) -> list[Any]:
    """What measure 'Stream SMA' gives at each row of one series and average: None where the stream said nothing."""
    of_difference = {row.as_of: row.stream_sma for row in differing}
    return [of_difference.get(row.as_of, row.sma) for row in said]


def draw_quality(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Data quality': what the reconciliations found, day by day."""
    found = rows["Reconciliation"]
    explained, unexplained = Counter[Any](), Counter[Any]()
    for row in found:
        explained[row.date] += row.explained
        unexplained[row.date] += row.unexplained
    figure, (left, right) = _page(
        "Data quality",
        {
            "Days reconciled": f"{len(explained):,}",
            "Explained windows": f"{explained.total():,}",
            "Unexplained windows": f"{unexplained.total():,}",
            "Reconciled at (UTC)": f"{max(row.reconciled_at for row in found):%Y-%m-%d %H:%M}" if found else "",
        },
    )
    days = sorted(explained)
    left.bar(days, [explained[day] for day in days], color=BATCH, label="explained")
    bottom = [explained[day] for day in days]
    left.bar(days, [unexplained[day] for day in days], bottom=bottom, color=ALARM, label="unexplained")
    _axes(figure, left, "Differences by day: explained and unexplained")
    names = ("date", "customer", "average", "changed", "missing", "extra", "unexplained")
    columns = ("date", "customer", "average", "changed", "missing_in_stream", "extra_in_stream", "unexplained")
    newest_first = sorted(found, key=lambda row: (-row.date.toordinal(), row.customer, row.average))
    body = [tuple(str(row.values[column]) for column in columns) for row in newest_first]
    _table(right, "What each reconciliation found", names, body)
    return figure


def _page(title: str, cards: dict[str, str]) -> tuple[Figure, tuple[Axes, Axes]]:
    """A page of 1280 x 720 pixels: a title, figures in a row, and two places below."""
    figure = plt.figure(figsize=(12.8, 7.2), dpi=100)
    figure.text(0.03, 0.94, title, fontsize=17, weight="bold")
    figure.text(0.97, 0.012, _NOTE, fontsize=8, color="#666666", ha="right")
    for index, (name, value) in enumerate(cards.items()):
        at = 0.03 + 0.96 / len(cards) * index
        figure.text(at, 0.855, value, fontsize=17, color=BATCH)
        figure.text(at, 0.825, name, fontsize=9, color="#666666")
    left, right = figure.add_axes((0.05, 0.1, 0.45, 0.64)), figure.add_axes((0.55, 0.1, 0.42, 0.64))
    return figure, (left, right)


def _axes(figure: Figure, axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, pad=22)
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.99))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]


def _table(axes: Axes, title: str, names: Sequence[str], body: Sequence[Sequence[str]], most: int = 19) -> None:
    """A table of the first rows; how many are left out is said."""
    more = f" (the first {most} of {len(body):,})" if len(body) > most else ""
    axes.set_title(title + more, loc="left", fontsize=11)
    axes.axis("off")
    drawn = axes.table(
        cellText=list(body[:most]) or [[""] * len(names)], colLabels=list(names), loc="upper left", cellLoc="left"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    drawn.scale(1, 1.22)
    drawn.auto_set_column_width(list(range(len(names))))
    for cell in drawn.get_celld().values():
        cell.set_linewidth(0.3)


def _number(value: Any) -> str:
    return "" if value is None else f"{value:,.9f}"


def main(arguments: list[str]) -> int:
    """Draw the three pages into a folder; 0 where it went well."""
    if len(arguments) != 1:
        print("usage: python -m powerbi.pictures FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = read_rows(load_settings().database_url.get_secret_value())
        for name, draw in (("overview", draw_overview), ("series", draw_series), ("quality", draw_quality)):
            path = folder / f"powerbi-{name}.png"
            draw(rows).savefig(path, metadata={"Software": None})
            print(path)
    except SmaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
