"""Asks every part for the present status, all at the same time; where a source does not answer, the reason stands."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TypeVar

from clients.answers import HEALTH_TIMEOUT_S
from deploy.local.lifecycle.status import StackStatus
from deploy.local.lifecycle.status import status as stack_status
from deploy.local.services.health import check_flink, check_kafka
from deploy.topic_reports import TopicReport
from deploy.topics import read_topics
from monitoring.figures import Alert, Figures, read_alerts, read_figures
from monitoring.newest_series import NewestSeries, read_newest_series
from monitoring.topic_made_anew import made_anew
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control import progress

Answer = TypeVar("Answer")
MOST_SERIES = 5
KAFKA_DOWN = "Kafka is down"
_SERIES_LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Now:
    """The present status; where a source did not answer, the reason."""

    parts: StackStatus
    job: progress.Status | str
    newest: NewestSeries | str
    figures: Figures | str
    alerts: list[Alert] | str
    topics: list[TopicReport] | str

    def as_dict(self) -> dict[str, object]:
        """Return the status as JSON."""
        job = {"state": "UNKNOWN", "problem": self.job} if isinstance(self.job, str) else asdict(self.job)
        newest = {"problem": self.newest} if isinstance(self.newest, str) else _as_dict(self.newest)
        figures = {"problem": self.figures} if isinstance(self.figures, str) else asdict(self.figures)
        alerts = {"problem": self.alerts} if isinstance(self.alerts, str) else [asdict(alert) for alert in self.alerts]
        topics = {"problem": self.topics} if isinstance(self.topics, str) else [each.as_dict() for each in self.topics]
        rest = {"stream": job, "newest": newest, "figures": figures, "alerts": alerts, "topics": topics}
        return self.parts.as_dict() | rest


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
        topics = pool.submit(_or_why, lambda: _topics(settings))
        return Now(parts.result(), job.result(), newest.result(), figures.result(), alerts.result(), topics.result())


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


def _topics(settings: Settings) -> list[TopicReport]:
    """Return what there is to say of the topics.

    Raises:
        SmaError: Kafka is down, or does not allow to describe them.
    """
    if not check_kafka(settings).is_up:
        raise SmaError(KAFKA_DOWN)
    return [
        _with_made_anew(settings, report) for report in read_topics(settings.kafka_as("monitoring"), HEALTH_TIMEOUT_S)
    ]


def _with_made_anew(settings: Settings, report: TopicReport) -> TopicReport:
    if report.name != settings.events_topic:
        return report
    return replace(report, remarks=(*report.remarks, *(each.text for each in made_anew(settings, report.topic_id))))


def _or_why(ask: Callable[[], Answer]) -> Answer | str:
    try:
        return ask()
    except SmaError as error:
        return str(error)
