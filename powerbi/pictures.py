"""Draws the report's pages with matplotlib, from the rows that the model's own queries return.

The pictures are not screenshots: Power BI draws the pages in its own way. They show the same columns as the report.

    python -m powerbi.pictures FOLDER        writes powerbi-overview.png, powerbi-series.png, powerbi-quality.png
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure

from powerbi.rows import Row, holds_new_event, read_rows, stream_smas
from sma.errors import SmaError
from sma.settings import load_settings

STREAM, BATCH, ALARM = "#d08a2e", "#2b5f8a", "#a3262a"
_NOTE = "Drawn by matplotlib from the views that the report reads; no screenshot of Power BI."


def draw_overview(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Overview': the newest value of each series, and how much of it is final."""
    facts = rows["Moving averages"]
    newest_closed = max(row.newest_window_closed for row in rows["Data age"])
    figure = _page(
        "Overview",
        {
            "Newest result (UTC)": f"{max(map(_as_of, filter(holds_new_event, facts)), default='')}",
            "Rows": f"{len(facts):,}",
            "Share final": f"{sum(row.is_final for row in facts) / len(facts):.1%}",
            "Age of closed windows (s)": f"{(_utc_now() - newest_closed).total_seconds():,.0f}",
            "Unexplained windows": f"{sum(row.unexplained for row in rows['Reconciliation']):,}",
        },
    )
    of_series: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in facts:
        of_series[row.series_label, row.average].append(row)
    names = ("series", "average", "Current SMA", "Change", "Change %", "Events in window", "As of")
    body = [(*key, *_newest(series_rows)) for key, series_rows in sorted(of_series.items())]
    _table(figure.add_axes((0.03, 0.06, 0.57, 0.69)), "The newest SMA of each series", names, body)
    by_day = {source: Counter(row.date for row in facts if row.source == source) for source in ("batch", "stream")}
    chart = figure.add_axes((0.66, 0.1, 0.32, 0.64))
    _columns(chart, by_day, (BATCH, STREAM))
    _axes(chart, "Rows by day and by the layer that they come from", "%Y-%m-%d")
    return figure


def _newest(rows: list[Row]) -> tuple[str, ...]:
    """Current SMA, Change, Change %, Events in window and As of, from the rows of one series and average."""
    current = [row for row in rows if holds_new_event(row)]
    if not current:
        return ("",) * 5
    newest, change, share = current[-1], "", ""
    earlier = [row for row in rows if row.as_of < newest.as_of]
    if earlier:
        before = earlier[-1].sma
        change = f"{newest.sma - before:+,.6f}"
        share = f"{(newest.sma - before) / abs(before):+.1%}" if before else ""
    return f"{newest.sma:,.9f}", change, share, f"{newest.event_count:,}", _as_of(newest)


def _as_of(row: Row) -> str:
    return f"{row.as_of:%Y-%m-%d %H:%M}"


def draw_series(rows: dict[str, list[Row]]) -> Figure:
    """The page 'One series', on the day with the most differing windows of a series that the live table also has."""
    live = {(row.series_label, row.average) for row in rows["Moving averages live"]}
    differences = Counter(
        (row.series_label, row.average, row.date)
        for row in rows["Differences"]
        if (row.series_label, row.average) in live
    )
    if not differences:
        raise SmaError("no window of a series that is live differs: there is nothing to draw on the page 'One series'")
    ((series, average, day), _), *_ = differences.most_common(1)
    facts, differing = (
        [row for row in rows[table] if (row.series_label, row.average, row.date) == (series, average, day)]
        for table in ("Moving averages", "Differences")
    )
    now = [row for row in rows["Moving averages live"] if (row.series_label, row.average) == (series, average)][-1]
    current, change, *_ = _newest(facts) if facts else ("", "")
    figure = _page(
        f"One series: {series}, average {average}, {day}",
        {
            "Current SMA": current,
            "Change": change,
            "SMA now, asked of the database": _number(now.sma),
            "As of now (UTC)": f"{now.as_of:%Y-%m-%d %H:%M}",
            "Differing windows": f"{len(differing):,}",
        },
    )
    chart = figure.add_axes((0.05, 0.1, 0.47, 0.64))
    for name, colour, values in (
        ("Stream SMA", STREAM, stream_smas(facts, differing)),
        ("Batch SMA", BATCH, [row.sma if row.source == "batch" else None for row in facts]),
    ):
        numbers = [float("nan") if value is None else float(value) for value in values]
        chart.plot([row.as_of for row in facts], numbers, color=colour, label=name, linewidth=1.2)
    _axes(chart, "What the stream said, and what the batch layer computed", "%H:%M")
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
    _table(figure.add_axes((0.56, 0.06, 0.42, 0.69)), "Windows in which they differ", names, body)
    return figure


def draw_quality(rows: dict[str, list[Row]]) -> Figure:
    """The page 'Data quality': the differences by day, and the newest windows of each customer."""
    reconciliations = rows["Reconciliation"]
    by_day: dict[str, Counter[Any]] = {"explained": Counter(), "unexplained": Counter()}
    for row in reconciliations:
        for verdict, days in by_day.items():
            days[row.date] += row.values[verdict]
    explained, unexplained = (days.total() for days in by_day.values())
    figure = _page(
        "Data quality",
        {
            "Days reconciled": f"{len(by_day['explained']):,}",
            "Differences": f"{explained + unexplained:,}",
            "Explained windows": f"{explained:,}",
            "Unexplained windows": f"{unexplained:,}",
            "Reconciled at (UTC)": f"{max(row.reconciled_at for row in reconciliations):%Y-%m-%d %H:%M}"
            if reconciliations
            else "",
        },
    )
    chart = figure.add_axes((0.05, 0.46, 0.43, 0.28))
    _columns(chart, by_day, (BATCH, ALARM))
    _axes(chart, "Differences by day: explained and unexplained", "%Y-%m-%d")
    ages = ("newest_window_closed", "newest_streamed", "newest_reconciled")
    newest_windows = [
        (
            row.customer_label,
            *("" if row.values[name] is None else f"{row.values[name]:%Y-%m-%d %H:%M}" for name in ages),
        )
        for row in sorted(rows["Data age"], key=lambda row: str(row.customer_label))
    ]
    names: Sequence[str] = ("customer", "Newest window closed", "Newest streamed", "Newest reconciled")
    _table(
        figure.add_axes((0.03, 0.06, 0.45, 0.3)), "How far each customer has come (UTC)", names, newest_windows, most=8
    )
    columns = (
        "customer_label",
        "average",
        "changed",
        "missing_in_stream",
        "extra_in_stream",
        "explained",
        "unexplained",
    )
    newest_first = sorted(reconciliations, key=lambda row: (-row.date.toordinal(), row.customer_label, row.average))
    body = [(str(row.date), *(str(row.values[column]) for column in columns)) for row in newest_first]
    names = ("date", "customer", "average", "changed", "missing", "extra", "explained", "unexplained")
    _table(figure.add_axes((0.52, 0.06, 0.46, 0.69)), "What each reconciliation found", names, body)
    return figure


def _page(title: str, cards: dict[str, str]) -> Figure:
    """A page of 1280 x 720 pixels with a title and figures in a row; the rest is empty."""
    figure = plt.figure(figsize=(12.8, 7.2), dpi=100)
    figure.text(0.03, 0.94, title, fontsize=17, weight="bold")
    figure.text(0.97, 0.012, _NOTE, fontsize=8, color="#666666", ha="right")
    for index, (name, value) in enumerate(cards.items()):
        at = 0.03 + 0.96 / len(cards) * index
        figure.text(at, 0.855, value, fontsize=16, color=BATCH)
        figure.text(at, 0.825, name, fontsize=9, color="#666666")
    return figure


def _columns(axes: Axes, by_day: dict[str, Counter[Any]], colours: Sequence[str]) -> None:
    """A column for each day, of the numbers of each name, one above the other."""
    days = sorted(set().union(*by_day.values()))
    bottom = [0] * len(days)
    for (name, numbers), colour in zip(by_day.items(), colours, strict=True):
        heights = [numbers[day] for day in days]
        axes.bar(days, heights, bottom=bottom, color=colour, label=name)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_ylim(0, max([*bottom, 1]) * 1.05)


def _axes(axes: Axes, title: str, time_format: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, pad=22)
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.99))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter(time_format))  # type: ignore[no-untyped-call]


def _table(axes: Axes, title: str, names: Sequence[str], body: Sequence[Sequence[str]], most: int = 20) -> None:
    """A table of the first rows; its title has the number of rows."""
    more = f" (the first {most} of {len(body):,})" if len(body) > most else ""
    axes.set_title(title + more, loc="left", fontsize=11)
    axes.axis("off")
    drawn = axes.table(
        cellText=list(body[:most]) or [[""] * len(names)], colLabels=list(names), loc="upper left", cellLoc="left"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.auto_set_column_width(list(range(len(names))))
    for cell in drawn.get_celld().values():
        cell.set_linewidth(0.3)
        cell.set_height(0.0309 / axes.get_position().height)  # of the page, so that tables of any height look alike


def _utc_now() -> datetime:
    """Now, in the form of the views' times: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


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
