"""What a scrape gets: what is known to hold, of the sources that answer, and of those that do not that they do not."""

import re
from collections.abc import Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from monitoring.exporter.collector import Collectors, Source, SourceDown
from monitoring.exporter.families import gauge
from sma.errors import SmaError


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _source(look: Callable[[], Sequence[Metric]], name: str = "kafka", every_s: float = 5) -> Source:
    return Source(name, every_s, look)


def _scrape(collectors: Collectors) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collectors)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (re.fullmatch(r"(\S+) (\S+)", line).groups() for line in lines)}


def test_what_was_found_is_shown_until_the_next_look():
    source = _source(lambda: gauge("sma_lag", "lag", 7))
    collectors = Collectors([source])
    assert _scrape(collectors) == {}  # nobody has looked yet
    collectors.look(source)
    assert _scrape(collectors)["sma_lag"] == 7
    assert _scrape(collectors)['sma_collector_up{collector="kafka"}'] == 1


def test_a_source_that_does_not_answer_takes_its_figures_with_it_and_no_others():
    answers = iter([gauge("sma_lag", "lag", 7)])

    def look() -> list[Metric]:
        for answer in answers:
            return answer
        raise SmaError("Kafka does not answer")

    kafka, disk = _source(look), _source(lambda: gauge("sma_disk", "disk", 1), "disk")
    collectors = Collectors([kafka, disk])
    for source in (kafka, disk, kafka):
        collectors.look(source)
    scraped = _scrape(collectors)
    assert "sma_lag" not in scraped
    assert scraped['sma_collector_up{collector="kafka"}'] == 0
    assert scraped["sma_disk"] == scraped['sma_collector_up{collector="disk"}'] == 1


def test_no_answer_may_say_something_too():
    def look() -> list[Metric]:
        raise SourceDown("Flink does not answer", gauge("sma_job_up", "up", 0))

    source = _source(look, "flink")
    collectors = Collectors([source])
    collectors.look(source)
    assert _scrape(collectors)["sma_job_up"] == 0
    assert _scrape(collectors)['sma_collector_up{collector="flink"}'] == 0


def test_a_source_that_does_not_come_back_is_down_though_it_answered_once():
    clock = Clock()
    source = _source(lambda: gauge("sma_lag", "lag", 7))
    collectors = Collectors([source], clock)
    collectors.look(source)
    clock.now += source.oldest_s
    assert _scrape(collectors)["sma_lag"] == 7
    clock.now += 1
    assert "sma_lag" not in _scrape(collectors)
    assert _scrape(collectors)['sma_collector_up{collector="kafka"}'] == 0


def test_a_defect_is_logged_and_ends_nothing(caplog):
    source = _source(lambda: [1 // 0])
    collectors = Collectors([source])
    collectors.look(source)
    assert "ZeroDivisionError" in caplog.text
    assert _scrape(collectors)['sma_collector_up{collector="kafka"}'] == 0


def test_an_outage_is_said_once(caplog):
    def look() -> list[Metric]:
        raise SmaError("Kafka does not answer")

    source = _source(look)
    collectors = Collectors([source])
    for _ in range(3):
        collectors.look(source)
    assert caplog.text.count("Kafka does not answer") == 1


@pytest.mark.parametrize(("value", "samples"), [(None, 0), (0, 1), (False, 1)])
def test_a_figure_that_is_not_known_is_absent_and_zero_is_not(value, samples):
    assert len(gauge("sma_age", "age", value)) == samples
