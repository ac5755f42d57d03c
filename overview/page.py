"""Writes the page as HTML. Every name is escaped by the template, in text, in addresses and in the charts' JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from batch.explain.command import explain_command
from batch.report.series_windows import SeriesWindows
from overview.chart import traces
from overview.tables import State
from overview.whole import Chart, Choice, Whole
from pictures.lines import count_differences
from pictures.series import title_in_words
from sma.instants import format_instant
from sma.settings import Settings

PLOTLY_VERSION = version("plotly")
_MOST_ROWS = 20
_SECONDS_OF_A_REFRESH = 5


def render(whole: Whole, choice: Choice, settings: Settings) -> str:
    """Return the page.

    Args:
        whole: what it shows.
        choice: what the reader asked for; links keep it.
        settings: the addresses that it links to.
    """
    return _TEMPLATES.get_template("page.html").render(
        whole=whole,
        choice=choice,
        charts=[] if isinstance(whole.tables, str) else [_shown(chart, choice) for chart in whole.tables.charts],
        states=[state for state in State if state is not State.NO_ROWS],
        links={
            "Dagster": settings.dagster_url,
            "Flink": settings.flink_url,
            "Prometheus": settings.prometheus_url,
            "Alertmanager": settings.alertmanager_url,
        },
        refresh_seconds=_SECONDS_OF_A_REFRESH,
    )


def _shown(chart: Chart, choice: Choice) -> dict[str, Any]:
    """Return a chart as the template takes it: its trace data, the windows in tables, and what it is in words."""
    shown: dict[str, Any] = {
        "name": f"{chart.customer}/{chart.metric}",
        "address": address(Choice(chart.customer, chart.metric, chart.average, choice.day)),
        "picture": address(Choice(chart.customer, chart.metric, chart.average, choice.day), "/picture.png"),
        "chart": chart,
        "reason": chart.series if isinstance(chart.series, str) else None,
    }
    if isinstance(chart.series, str):
        return shown
    drawn, count = traces(chart.series)
    windows = chart.series.windows
    differing = windows.filter(windows["difference"].is_not_null())
    return shown | {
        "traces": drawn,
        "drawn": count,
        "windows": windows.height,
        "differences": count_differences(windows),
        "words": title_in_words(chart.series),
        "first": format_instant(windows["as_of_ms"][0]),
        "last": format_instant(windows["as_of_ms"][-1]),
        "newest": _rows(chart.series, windows.tail(_MOST_ROWS).reverse().iter_rows(named=True)),
        "differing": _rows(chart.series, differing.tail(_MOST_ROWS).reverse().iter_rows(named=True)),
        "differing_more": max(0, differing.height - _MOST_ROWS),
    }


def _rows(series: SeriesWindows, windows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        window
        | {
            "as_of": format_instant(window["as_of_ms"]),
            "command": explain_command(series.customer, series.metric, series.average.name, window["as_of_ms"]),
        }
        for window in windows
    ]


def address(choice: Choice, path: str = "/", **changed: object) -> str:
    """Return the page's address for a choice, with some of it changed."""
    asked = {name: getattr(choice, name) for name in ("customer", "metric", "average", "day")} | changed
    query = urlencode({name: str(value) for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _age(seconds: float | None) -> str:
    """Return a duration as people say it, to two units."""
    if seconds is None:
        return "–"
    whole = timedelta(seconds=round(seconds))
    days, rest = whole.days, whole.seconds
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


_TEMPLATES = Environment(
    loader=PackageLoader("overview"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters.update(count=_count, age=_age, time=_time)
_TEMPLATES.globals.update(address=address, plotly_version=PLOTLY_VERSION)
