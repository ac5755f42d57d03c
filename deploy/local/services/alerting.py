"""Renders Alertmanager's configuration: where alerts go, and which are inhibited because another one is the cause.

The alerts are defined in monitoring/prometheus/rules; docs/runbooks has what to do about each.
"""

from collections.abc import Mapping
from typing import Any

import yaml

SEVERITIES = {"page": "4h", "ticket": "24h"}  # and after how long a lasting alert is repeated
NOWHERE, WEBHOOK, DEAD_MANS_SWITCH = "nowhere", "webhook", "dead-mans-switch"
WATCHDOG = "Watchdog"  # the alert that always fires

_STREAM = (
    "JobDown|JobRestarting|CheckpointsFailing|CheckpointOld|ConsumerLagging|ConsumerLagGrowing|WatermarkStalled"
    "|PartitionHoldsBack|OpenTransaction"
)
_BEHIND = "DaysUnreconciled|AuditOverdue"
_BATCH = f"DagsterDaemonDown|DagsterRunsFailing|{_BEHIND}|RefreshFailing"
# cause -> its effects. A cause is never inhibited by its own effect, or both would be.
_EFFECTS: tuple[tuple[Mapping[str, str], Mapping[str, str]], ...] = (
    ({"alertname": "PartDown", "collector": "database"}, {"alertname": f"{_STREAM}|{_BATCH}|ReadersBehind"}),
    ({"alertname": "PartDown", "collector": "kafka"}, {"alertname": f"{_STREAM}|DagsterRunsFailing|{_BEHIND}"}),
    ({"alertname": "PartDown", "collector": "flink"}, {"alertname": f"{_STREAM}|DagsterRunsFailing|{_BEHIND}"}),
    ({"alertname": "PartDown", "collector": "dagster"}, {"alertname": f"{_BATCH}|ReadersBehind"}),
    (
        {"alertname": "JobDown"},
        {"alertname": f"{_STREAM.removeprefix('JobDown|')}|DagsterRunsFailing|{_BEHIND}|ReadersBehind"},
    ),
    ({"alertname": "TopicMadeAnew", "layer": "stream"}, {"alertname": _STREAM}),
    ({"alertname": "TopicMadeAnew", "layer": "batch"}, {"alertname": f"DagsterRunsFailing|{_BEHIND}"}),
    ({"alertname": "JobRestarting"}, {"alertname": "CheckpointsFailing"}),
    ({"alertname": "DagsterDaemonDown"}, {"alertname": f"{_BEHIND}|ReadersBehind"}),
    ({"alertname": "RefreshFailing"}, {"alertname": "DagsterRunsFailing", "job": "refresh"}),
    ({"alertname": "DiskAlmostFull"}, {"alertname": "DiskFilling"}),
    ({"alertname": "ExporterDown"}, {"alertname": "MetricsMissing"}),
)


def render_dead_mans_switch(url: str) -> str:
    """Return rules of an alert that always fires, and none without a receiver.

    It takes the same way as every other alert: when it no longer comes, Prometheus or Alertmanager does not work.

    Args:
        url: where it is posted; may be empty.
    """
    rule = {
        "alert": WATCHDOG,
        "expr": "vector(1)",
        "annotations": {"summary": "Prometheus and Alertmanager work; if this does not come, they do not"},
    }
    groups = [{"name": DEAD_MANS_SWITCH, "rules": [rule]}] if url else []
    header = (
        "# Shows that Prometheus and Alertmanager work. Written by `sma up` from deploy/local/services/alerting.py.\n"
    )
    return header + yaml.safe_dump({"groups": groups}, sort_keys=False, width=10_000)


def render_alertmanager(webhook_url: str, dead_mans_switch_url: str = "") -> str:
    """Return Alertmanager's configuration.

    Args:
        webhook_url: where alerts are posted, those that ended included; empty to show them on the pages of Prometheus
            and Alertmanager only.
        dead_mans_switch_url: what is posted to every minute for as long as both work; empty for none.
    """
    receiver = WEBHOOK if webhook_url else NOWHERE
    receivers: list[dict[str, Any]] = [{"name": NOWHERE}]
    if webhook_url:
        receivers.append({"name": WEBHOOK, "webhook_configs": [{"url": webhook_url, "send_resolved": True}]})
    routes: list[dict[str, Any]] = [
        {"matchers": [f'severity="{severity}"'], "receiver": receiver, "repeat_interval": repeat}
        for severity, repeat in SEVERITIES.items()
    ]
    if dead_mans_switch_url:
        # its service counts posts, and would count the one of a resolved alert too
        switch = {"url": dead_mans_switch_url, "send_resolved": False}
        receivers.append({"name": DEAD_MANS_SWITCH, "webhook_configs": [switch]})
        # repeated after less than an interval, or every other post would be left out
        every = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "50s"}
        routes.append({"matchers": [f'alertname="{WATCHDOG}"'], "receiver": DEAD_MANS_SWITCH, **every})
    config = {
        "route": {
            "receiver": receiver,
            "group_by": ["alertname"],
            "group_wait": "5s",  # long enough for a cause to inhibit its effects
            "group_interval": "1m",
            "repeat_interval": SEVERITIES["page"],
            "routes": routes,
        },
        "inhibit_rules": [
            {
                "source_matchers": _matchers(cause),
                "target_matchers": _matchers(effect),
            }
            for cause, effect in _EFFECTS
        ]
        + [
            {
                "source_matchers": ['alertname="ConsumerLagging"'],
                "target_matchers": ['alertname="ConsumerLagGrowing"'],
                "equal": ["partition"],
            }
        ],
        "receivers": receivers,
    }
    header = "# Receivers and routes of alerts. Written by `sma up` from deploy/local/services/alerting.py.\n"
    return header + yaml.safe_dump(config, sort_keys=False, width=10_000)


def _matchers(labels: Mapping[str, str]) -> list[str]:
    return [f'{name}=~"{value}"' for name, value in labels.items()]
