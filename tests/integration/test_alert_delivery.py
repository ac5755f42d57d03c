"""Alertmanager as the stack configures it: a webhook gets the cause, with its values and runbook, and nothing twice."""

import subprocess
from datetime import UTC, datetime
from queue import Empty

import pytest
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from deploy.local.ports import LOOPBACK, free_port_base
from deploy.local.services.alerting import WATCHDOG, render_alertmanager
from deploy.local.services.programs import PROMETHEUS_DIR, alertmanager_command
from tests.support.webhook import listening

CAUSE = {"alertname": "PartDown", "collector": "flink", "severity": "page"}
EFFECTS = [
    {"alertname": "JobDown", "severity": "page"},
    {"alertname": "ConsumerLagging", "partition": "0", "severity": "page"},
    {"alertname": "ConsumerLagging", "partition": "1", "severity": "page"},
]
UNRELATED = {"alertname": "DiskFilling", "severity": "ticket"}
ANNOTATIONS = {"summary": "flink has not answered for 90 seconds", "runbook": "docs/runbooks/PartDown.md"}


@pytest.fixture
def webhook():
    with listening() as webhook:
        yield webhook


@pytest.fixture
def alertmanager(webhook, tmp_path):
    """An Alertmanager of this test's own."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager(webhook.url, webhook.switch_url))
    address = f"{LOOPBACK}:{free_port_base()}"
    url = f"http://{address}"
    command = alertmanager_command(config, tmp_path / "data", address)
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=PROMETHEUS_DIR, stdout=log, stderr=log) as process,
    ):
        try:
            Retrying(retry=retry_if_exception_type(OSError), stop=stop_after_delay(60), wait=wait_fixed(0.2))(
                requests.get, f"{url}/-/ready", timeout=5
            )
            yield url
        finally:
            process.terminate()


def post(url, *alerts):
    now = datetime.now(UTC).isoformat()
    body = [{"labels": labels, "annotations": ANNOTATIONS, "startsAt": now} for labels in alerts]
    requests.post(f"{url}/api/v2/alerts", json=body, timeout=10).raise_for_status()


def names(notification):
    return sorted(alert["labels"]["alertname"] for alert in notification["alerts"])


def test_the_cause_is_told_and_what_follows_from_it_is_not(alertmanager, webhook):
    post(alertmanager, CAUSE, *EFFECTS, UNRELATED)
    told = [webhook.notifications.get(timeout=60) for _ in range(2)]
    assert sorted(names(each) for each in told) == [["DiskFilling"], ["PartDown"]]
    (page,) = [alert for each in told for alert in each["alerts"] if alert["labels"] == CAUSE]
    assert page["annotations"] == ANNOTATIONS
    silenced = requests.get(f"{alertmanager}/api/v2/alerts", params={"inhibited": "true"}, timeout=10).json()
    assert {each["labels"]["alertname"] for each in silenced if each["status"]["inhibitedBy"]} == {
        "JobDown",
        "ConsumerLagging",
    }
    with pytest.raises(Empty):
        webhook.notifications.get_nowait()


def test_partitions_that_lag_are_one_notification(alertmanager, webhook):
    post(alertmanager, *EFFECTS[1:])
    assert names(webhook.notifications.get(timeout=60)) == ["ConsumerLagging", "ConsumerLagging"]


@pytest.mark.nightly
def test_the_dead_mans_switch_is_posted_to_again_and_again_and_nobody_else_is(alertmanager, webhook):
    post(alertmanager, {"alertname": WATCHDOG})
    for _ in range(2):
        assert names(webhook.switched.get(timeout=90)) == [WATCHDOG]
    assert webhook.notifications.empty()
