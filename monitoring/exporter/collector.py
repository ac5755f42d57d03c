"""Reads each source in the background, at its own pace, and serves to a scrape what was read last.

So a source that is slow or gone holds up neither the scrape nor the others. Metrics are served until the next reading;
after one that failed, or that has not come back, none of that source are.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from sma.errors import SmaError

_log = logging.getLogger(__name__)
_LOOKS_MISSED = 4
_LEAST_AGE_S = 30.0


class NoAnswer(SmaError):
    """A source does not answer, and that alone says so much: `metrics`."""

    def __init__(self, reason: str, metrics: Sequence[Metric]) -> None:
        super().__init__(reason)
        self.metrics = metrics


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can be asked for metrics; `look` raises SmaError where it does not answer."""

    name: str
    every_s: float
    look: Callable[[], Sequence[Metric]]

    @property
    def oldest_s(self) -> float:
        """How old what was found may be before it is no longer shown."""
        return max(_LOOKS_MISSED * self.every_s, _LEAST_AGE_S)


@dataclass(frozen=True, slots=True)
class Found:
    """What one look gave, whether the source answered, and how long that took."""

    metrics: Sequence[Metric]
    has_answered: bool
    seconds: float
    at: float


class Collectors:
    """The newest that was found of each source; prometheus_client asks it at each scrape."""

    def __init__(self, sources: Iterable[Source], clock: Callable[[], float] = time.monotonic) -> None:
        """Ask nothing yet."""
        self._sources = tuple(sources)
        self._clock = clock
        self._found: dict[str, Found] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to ask, each source in a thread of its own."""
        for source in self._sources:
            threading.Thread(target=self._run, args=(source,), name=source.name, daemon=True).start()

    def stop(self) -> None:
        """Let each thread end after the look that it is at."""
        self._stopped.set()

    def look(self, source: Source) -> None:
        """Ask one source, and keep what it says or that it failed."""
        started = self._clock()
        before = self._found.get(source.name)
        metrics: Sequence[Metric] = ()
        has_answered = False
        try:
            metrics = source.look()
            has_answered = True
        except SmaError as error:
            metrics = error.metrics if isinstance(error, NoAnswer) else ()
            if before is None or before.has_answered:  # say it once
                _log.warning("%s: %s", source.name, error)
        except Exception:  # a defect of one collector must not end the others' work, and must be seen
            _log.exception("%s: failed", source.name)
        ended = self._clock()
        self._found[source.name] = Found(metrics, has_answered, ended - started, ended)

    def collect(self) -> Iterator[Metric]:
        """Return what is known now."""
        up = GaugeMetricFamily("sma_collector_up", "Whether the collector's last look succeeded", labels=["collector"])
        seconds = GaugeMetricFamily(
            "sma_collector_duration_seconds", "How long the collector's last look took", labels=["collector"]
        )
        for source in self._sources:
            found = self._found.get(source.name)
            if found is None:
                continue
            is_old = self._clock() - found.at > source.oldest_s
            up.add_metric([source.name], float(found.has_answered and not is_old))
            seconds.add_metric([source.name], found.seconds)
            if not is_old:
                yield from found.metrics
        yield up
        yield seconds

    def _run(self, source: Source) -> None:
        while not self._stopped.is_set():
            self.look(source)
            self._stopped.wait(source.every_s)
