"""Makes metrics from rows: one family for each column of figures, one sample for each row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

LabelValues = TypeVar("LabelValues", bound=tuple[str, ...])


def gauge(name: str, what: str, value: float | None) -> list[Metric]:
    """Return one figure; nothing where there is none."""
    return [] if value is None else [GaugeMetricFamily(name, what, value=float(value))]


def gauges(name: str, what: str, labels: Sequence[str], samples: Mapping[LabelValues, float]) -> Metric:
    """Return one figure for each combination of label values."""
    return _filled(GaugeMetricFamily(name, what, labels=labels), samples)


def counters(name: str, what: str, labels: Sequence[str], samples: Mapping[LabelValues, float]) -> Metric:
    """Return one count for each combination of label values; the name ends in `_total`."""
    return _filled(CounterMetricFamily(name.removesuffix("_total"), what, labels=labels), samples)


def by_partition(name: str, what: str, values: Mapping[int, float]) -> Metric:
    """Return one figure for each partition of `events`."""
    return gauges(name, what, ["partition"], {(str(partition),): value for partition, value in values.items()})


def by_label(name: str, what: str, label: str, rows: Iterable[tuple[str, float]]) -> Metric:
    """Return one figure for each value of one label."""
    return gauges(name, what, [label], {(value,): figure for value, figure in rows})


def _filled(family: Metric, samples: Mapping[LabelValues, float]) -> Metric:
    for values, figure in samples.items():
        family.add_metric(list(values), float(figure))  # type: ignore[attr-defined]
    return family
