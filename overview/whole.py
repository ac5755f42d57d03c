"""Gathers what the page shows, each from its own source: one that does not answer is a line, and the rest is there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from batch.report.series_windows import (
    WEEK_MS,
    SeriesWindows,
    find_average,
    newest_as_of_ms,
    read_windows,
    reader_session,
)
from batch.store.database import Connection
from deploy.local.lifecycle.status import PartStatus
from deploy.local.lifecycle.status import status as stack_status
from monitoring.figures import Alert, Figures, read_alerts, read_figures
from monitoring.newest_series import read_newest_series
from overview.kept import Kept
from overview.tables import (
    Calendar,
    Records,
    count_records,
    read_averages,
    read_calendars,
    read_newest_row,
)
from sma.averages import Average
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.settings import Settings

Answer = TypeVar("Answer")
KEPT_SECONDS = 4.0
_LIMIT_SECONDS = 10.0
_CHARTS = 3
_MOST_SERIES = 12
_MOST_GRID_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader asked to see: a series, an average, a day; empty or None where the page chooses."""

    customer: str = ""
    metric: str = ""
    average: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One series to draw; a reason where there is nothing."""

    customer: str
    metric: str
    average: str
    series: SeriesWindows | str


@dataclass(frozen=True, slots=True)
class Tables:
    """What the database has."""

    averages: list[str]
    series: list[tuple[str, str]]
    newest_row: datetime | None
    records: Records
    calendars: list[Calendar]
    charts: list[Chart]


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that the page shows; a reason for what is not known."""

    parts: tuple[PartStatus, ...] | str
    figures: Figures | str
    alerts: list[Alert] | str
    tables: Tables | str
    at: datetime


class Sources:
    """The sources of the page. Nothing is asked unless somebody looks, and nothing more than every few seconds."""

    def __init__(self, settings: Settings, kept_seconds: float = KEPT_SECONDS) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._kept = Kept(kept_seconds)

    def whole(self, choice: Choice) -> Whole:
        """Ask all sources at the same time; what one of them does not answer is its reason."""
        settings, kept = self._settings, self._kept
        with ThreadPoolExecutor() as pool:
            parts = pool.submit(_or_why, lambda: kept.get("parts", lambda: stack_status(settings).parts))
            figures = pool.submit(_or_why, lambda: kept.get("figures", lambda: read_figures(settings)))
            alerts = pool.submit(_or_why, lambda: kept.get("alerts", lambda: read_alerts(settings)))
            tables = pool.submit(_or_why, lambda: self._tables(choice))
        return Whole(parts.result(), figures.result(), alerts.result(), tables.result(), datetime.now(UTC))

    def charts(self, choice: Choice) -> list[Chart]:
        """Return the charts of a choice.

        Raises:
            SmaError: the database does not answer.
        """
        return self._tables(choice).charts

    def _tables(self, choice: Choice) -> Tables:
        def read() -> Tables:
            newest = read_newest_series(self._settings, _MOST_SERIES, _LIMIT_SECONDS)
            series = [(each.customer, each.metric) for each in newest.series if each.as_of is not None]
            with reader_session(self._settings, _LIMIT_SECONDS) as connection:
                averages = read_averages(connection)
                return Tables(
                    averages,
                    series,
                    read_newest_row(connection),
                    count_records(connection),
                    read_calendars(connection),
                    [_chart(connection, each) for each in chosen(choice, series, averages)],
                )

        return self._kept.get(("tables", choice), read)


def chosen(choice: Choice, series: list[tuple[str, str]], averages: list[str]) -> list[Choice]:
    """Return the charts to draw: the one that was chosen, or else of the newest series.

    Args:
        choice: what the reader asked for; an average or a day without a series is of the newest one.
        series: (customer, metric), what was published last first.
        averages: their names.
    """
    average = choice.average or (averages[0] if averages else "")
    if choice.customer or choice.metric:
        return [Choice(choice.customer, choice.metric, average, choice.day)]
    return [
        Choice(customer, metric, average, choice.day) for customer, metric in series[: 1 if choice.day else _CHARTS]
    ]


def _chart(connection: Connection, choice: Choice) -> Chart:
    customer, metric = choice.customer, choice.metric
    try:
        average = find_average(connection, customer, metric, choice.average)
        span = _span_ms(connection, choice, average)
        series: SeriesWindows | str = "no row of this average yet"
        if span is not None:
            series = read_windows(connection, customer, metric, average, *span)
    except SmaError as error:
        series = str(error)
    if not isinstance(series, str) and series.windows.is_empty():
        series = f"no row on {choice.day}" if choice.day else "no row of this average yet"
    return Chart(customer, metric, choice.average, series)


def _span_ms(connection: Connection, choice: Choice, average: Average) -> tuple[int, int] | None:
    """Return the day that was chosen, or else the newest week, or what `_MOST_GRID_POINTS` take of it."""
    if choice.day is not None:
        start_ms = day_start_ms(choice.day)
        return start_ms, start_ms + DAY_MS
    newest_ms = newest_as_of_ms(connection, choice.customer, choice.metric, average.name)
    if newest_ms is None:
        return None
    return newest_ms - min(WEEK_MS, _MOST_GRID_POINTS * average.every_ms), newest_ms + 1


def _or_why(ask: Callable[[], Answer]) -> Answer | str:
    try:
        return ask()
    except SmaError as error:
        return str(error)
