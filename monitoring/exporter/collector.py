"""Reads each source in the background, at its own interval, and serves the last reading to a scrape.

So a source that is slow or gone delays neither the scrape nor the others. Metrics are served until the next reading;
after a reading that failed, or that has not returned, no metrics of that source are served.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from sma.errors import SmaError

_log = logging.getLogger(__name__)
_READINGS_MISSED = 4
_LEAST_AGE_S = 30.0


class SourceDown(SmaError):
    """A source does not answer; `metrics` are the ones that follow from this alone."""

    def __init__(self, reason: str, metrics: Sequence[Metric]) -> None:
        super().__init__(reason)
        self.metrics = metrics


@dataclass(frozen=True, slots=True)
class Source:
    """A source of metrics; `look` raises SmaError where it does not answer."""

    name: str
    every_s: float
    look: Callable[[], Sequence[Metric]]

    @property
    def oldest_s(self) -> float:
        """How old a reading may be before it is no longer served."""
        return max(_READINGS_MISSED * self.every_s, _LEAST_AGE_S)


@dataclass(frozen=True, slots=True)
class Reading:
    """The metrics of one reading, whether the source answered, and how long that took."""

    metrics: Sequence[Metric]
    has_answered: bool
    seconds: float
    at: float


class Collectors:
    """The newest reading of each source; prometheus_client collects from it at each scrape."""

    def __init__(self, sources: Iterable[Source], clock: Callable[[], float] = time.monotonic) -> None:
        """Read nothing yet."""
        self._sources = tuple(sources)
        self._clock = clock
        self._readings: dict[str, Reading] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to read, each source in a thread of its own."""
        for source in self._sources:
            threading.Thread(target=self._run, args=(source,), name=source.name, daemon=True).start()

    def stop(self) -> None:
        """Let each thread end after its current reading."""
        self._stopped.set()

    def look(self, source: Source) -> None:
        """Read one source, and keep its metrics or its failure."""
        started = self._clock()
        before = self._readings.get(source.name)
        metrics: Sequence[Metric] = ()
        has_answered = False
        try:
            metrics = source.look()
            has_answered = True
        except SmaError as error:
            metrics = error.metrics if isinstance(error, SourceDown) else ()
            if before is None or before.has_answered:  # log it once
                _log.warning("%s: %s", source.name, error)
        except Exception:  # a defect of one collector must not stop the others, and must be visible
            _log.exception("%s: failed", source.name)
        ended = self._clock()
        self._readings[source.name] = Reading(metrics, has_answered, ended - started, ended)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of the readings that are not too old."""
        up = GaugeMetricFamily("sma_collector_up", "Whether the collector's last look succeeded", labels=["collector"])
        seconds = GaugeMetricFamily(
            "sma_collector_duration_seconds", "How long the collector's last look took", labels=["collector"]
        )
        for source in self._sources:
            reading = self._readings.get(source.name)
            if reading is None:
                continue
            is_old = self._clock() - reading.at > source.oldest_s
            up.add_metric([source.name], float(reading.has_answered and not is_old))
            seconds.add_metric([source.name], reading.seconds)
            if not is_old:
                yield from reading.metrics
        yield up
        yield seconds

    def _run(self, source: Source) -> None:
        while not self._stopped.is_set():
            self.look(source)
            self._stopped.wait(source.every_s)
