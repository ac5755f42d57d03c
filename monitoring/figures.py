"""Reads the figures of `sma status` from the exporter's metrics, and the firing alerts from Prometheus.

What a figure means is in docs/metrics.md. No service is called a second time: `sma status` shows the metrics that the
alerts are made from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from clients.answers import CHECK_TIMEOUT_S
from clients.http import get
from sma.settings import MonitoringSettings

QUIET_S = 120.0
"""From when on a partition that is behind should have had a heartbeat, if they are written after a minute."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures; None where one is not known. Times in seconds, a watermark in seconds since the Unix epoch.

    `split_series` are in more than one partition; the ones found last are named with their partitions.
    `data_age_s` is by customer and stage; `silent` names the collectors whose source does not answer.
    """

    lag_events: int | None
    lag_s: float | None
    watermark_s: float | None
    checkpoint_age_s: float | None
    restarts: int | None
    late_events: int | None
    rejected_events: int | None
    residue: int | None
    reconciliation_age_s: float | None
    differences: int | None
    unexplained_differences: int | None
    split_series: int | None
    split_series_newest: tuple[str, ...]
    days_to_reconcile: int | None
    data_age_s: dict[str, dict[str, float]]
    refresh_age_s: float | None
    readers_behind_s: float | None
    disk_free_share: float | None
    silent: tuple[str, ...]
    held_back_by: tuple["HoldingBack", ...] = ()


@dataclass(frozen=True, slots=True)
class HoldingBack:
    """A partition that holds days back: behind the others, and without a record for longer than one is idle."""

    kafka_partition: int
    behind_s: float
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that fires."""

    name: str
    severity: str
    summary: str
    runbook: str


def read_figures(settings: MonitoringSettings) -> Figures:
    """Read the figures from the exporter.

    Raises:
        SmaError: it does not answer.
    """
    response = get("the exporter", settings.exporter_url, "/metrics", CHECK_TIMEOUT_S)
    return figures_of(text_string_to_metric_families(response.text))


def read_alerts(settings: MonitoringSettings) -> list[Alert]:
    """Return the firing alerts, the severest first; one without a severity only shows that alerting works.

    Raises:
        SmaError: it does not answer.
    """
    alerts = get("Prometheus", settings.prometheus_url, "/api/v1/alerts", CHECK_TIMEOUT_S).json()
    firing = [
        Alert(
            alert["labels"]["alertname"],
            alert["labels"]["severity"],
            alert["annotations"].get("summary", ""),
            alert["annotations"].get("runbook", ""),
        )
        for alert in alerts["data"]["alerts"]
        if alert["state"] == "firing" and "severity" in alert["labels"]
    ]
    return sorted(firing, key=lambda alert: (alert.severity, alert.name))


def figures_of(families: Iterable[Metric]) -> Figures:
    """Return the figures of a scrape."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def values(name: str) -> list[float]:
        return [value for _, value in samples.get(name, [])]

    def one(name: str) -> float | None:
        return max(values(name), default=None)

    def total(name: str) -> int | None:
        return int(sum(values(name))) if name in samples else None

    ages: dict[str, dict[str, float]] = {}
    for labels, value in samples.get("sma_data_age_seconds", []):
        ages.setdefault(labels["customer"], {})[labels["stage"]] = value
    free, size = one("sma_disk_free_bytes"), one("sma_disk_size_bytes")
    residues = values("sma_stream_residue") + values("sma_accounting_residue")
    return Figures(
        lag_events=total("sma_consumer_lag_events"),
        lag_s=one("sma_consumer_lag_seconds"),
        watermark_s=min(values("sma_watermark_timestamp_seconds"), default=None),
        checkpoint_age_s=one("sma_checkpoint_age_seconds"),
        restarts=total("sma_job_restarts"),
        late_events=total("sma_late_events"),
        rejected_events=total("sma_rejected_events"),
        residue=int(sum(abs(residue) for residue in residues)) if residues else None,
        reconciliation_age_s=one("sma_reconciliation_age_seconds"),
        differences=total("sma_differences"),
        unexplained_differences=total("sma_unexplained_differences"),
        split_series=total("sma_split_series"),
        split_series_newest=tuple(sorted(labels["series"] for labels, _ in samples.get("sma_split_series_newest", []))),
        days_to_reconcile=total("sma_days_to_reconcile"),
        data_age_s=ages,
        refresh_age_s=one("sma_refresh_age_seconds"),
        readers_behind_s=one("sma_readers_behind_seconds"),
        disk_free_share=free / size if free is not None and size else None,
        held_back_by=_held_back_by(samples),
        silent=tuple(labels["collector"] for labels, value in samples.get("sma_collector_up", []) if not value),
    )


def _held_back_by(samples: Mapping[str, list[tuple[dict[str, str], float]]]) -> tuple[HoldingBack, ...]:
    """Return the partitions that hold days back, the furthest behind first."""
    quiet = {labels["partition"]: value for labels, value in samples.get("sma_partition_quiet_seconds", [])}
    holding = [
        HoldingBack(int(labels["partition"]), behind_s, quiet[labels["partition"]])
        for labels, behind_s in samples.get("sma_partition_behind_seconds", [])
        if behind_s > 0 and quiet.get(labels["partition"], 0) >= QUIET_S
    ]
    return tuple(sorted(holding, key=lambda each: (-each.behind_s, each.kafka_partition)))
