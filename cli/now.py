"""Asks every part for the present status, all at the same time; where a source does not answer, the reason stands."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from deploy.local.lifecycle.status import StackStatus
from deploy.local.lifecycle.status import status as stack_status
from deploy.local.services.health import check_flink, check_kafka
from monitoring.figures import Alert, Figures, read_alerts, read_figures
from monitoring.newest_series import NewestSeries, read_newest_series
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control import progress

Answer = TypeVar("Answer")
MOST_SERIES = 5
_SERIES_LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Now:
    """The present status; where a source did not answer, the reason."""

    parts: StackStatus
    job: progress.Status | str
    newest: NewestSeries | str
    figures: Figures | str
    alerts: list[Alert] | str

    def as_dict(self) -> dict[str, object]:
        """Return the status as JSON."""
        job = {"state": "UNKNOWN", "problem": self.job} if isinstance(self.job, str) else asdict(self.job)
        newest = {"problem": self.newest} if isinstance(self.newest, str) else _as_dict(self.newest)
        figures = {"problem": self.figures} if isinstance(self.figures, str) else asdict(self.figures)
        alerts = {"problem": self.alerts} if isinstance(self.alerts, str) else [asdict(alert) for alert in self.alerts]
        return self.parts.as_dict() | {"stream": job, "newest": newest, "figures": figures, "alerts": alerts}


def _as_dict(newest: NewestSeries) -> dict[str, object]:
    series = [{name: _text(value) for name, value in asdict(each).items()} for each in newest.series]
    return {"series": series, "more": newest.more}


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def read_now(settings: Settings) -> Now:
    """Ask every part, at the same time."""
    with ThreadPoolExecutor() as pool:
        parts = pool.submit(stack_status, settings)
        job = pool.submit(_or_why, lambda: _job(settings))
        newest = pool.submit(_or_why, lambda: read_newest_series(settings, MOST_SERIES, _SERIES_LIMIT_S))
        figures = pool.submit(_or_why, lambda: read_figures(settings))
        alerts = pool.submit(_or_why, lambda: read_alerts(settings))
        return Now(parts.result(), job.result(), newest.result(), figures.result(), alerts.result())


def _job(settings: Settings) -> progress.Status:
    """Return the status of the job; a part that is down is found by its check, which waits for less time.

    Raises:
        SmaError: Flink or Kafka is down.
    """
    for part, check in (("Flink", check_flink), ("Kafka", check_kafka)):
        health = check(settings)
        if health.is_down:
            raise SmaError(f"{part} is down")
    return progress.status(settings)


def _or_why(ask: Callable[[], Answer]) -> Answer | str:
    try:
        return ask()
    except SmaError as error:
        return str(error)
