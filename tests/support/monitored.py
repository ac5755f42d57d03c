"""An exporter, a Prometheus and an Alertmanager of a test's own, which watch its place; all gone in the end."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from deploy.local.environment import read_environment
from deploy.local.ports import LOOPBACK, free_port_base
from deploy.local.services.programs import PROMETHEUS_DIR, alertmanager_command, prometheus_command
from sma.settings import CHECKOUT
from tests.support.places import Place

RULES = CHECKOUT / "monitoring" / "prometheus" / "rules"
_END_S = 30


@dataclass(frozen=True)
class Monitored:
    """Where the test's own exporter, Prometheus and Alertmanager answer, and how each is started."""

    exporter_url: str
    prometheus_url: str
    alertmanager_url: str
    start: Callable[[str], subprocess.Popen[bytes]]
    running: dict[str, subprocess.Popen[bytes]]

    def restart(self, name: str) -> None:
        """End one of the three and start it anew."""
        self.running[name].terminate()
        self.running[name].wait(_END_S)
        self.running[name] = self.start(name)
        self.wait()

    def wait(self) -> None:
        """Wait until each of those that were started answers."""
        ready = {
            "exporter": f"{self.exporter_url}/metrics",
            "prometheus": f"{self.prometheus_url}/-/ready",
            "alertmanager": f"{self.alertmanager_url}/-/ready",
        }
        _until_ready(*(ready[name] for name in self.running))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now; it must be valid."""
        answer = requests.get(f"{self.prometheus_url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]


@contextmanager
def monitored(place: Place, folder: Path, alertmanager: str | None = None, more_rules: str = "") -> Iterator[Monitored]:
    """Watch a place.

    Args:
        place: its topics, database and job.
        folder: a temporary one.
        alertmanager: the configuration of an Alertmanager; without it none is started.
        more_rules: rules beside those of the project.
    """
    base = free_port_base()
    exporter, prometheus, alerts = (f"{LOOPBACK}:{base + number}" for number in range(3))
    ports = read_environment(place.settings.state_dir).ports
    flink = [f"{LOOPBACK}:{ports['flink_metrics']}", f"{LOOPBACK}:{ports['flink_metrics_2']}"]
    config = {
        "global": {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"},
        "rule_files": [f"{RULES}/*.yml", *([f"{folder}/rules.yml"] if more_rules else [])],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts] if alertmanager else []}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": targets}]}
            for job, targets in {"exporter": [exporter], "flink": flink, "prometheus": [prometheus]}.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "rules.yml").write_text(more_rules)
    (folder / "alertmanager.yml").write_text(alertmanager or "")
    commands = {
        "exporter": [sys.executable, "-m", "monitoring.exporter", "--port", str(base)],
        "prometheus": prometheus_command(folder / "prometheus.yml", folder / "prometheus", prometheus),
        "alertmanager": alertmanager_command(folder / "alertmanager.yml", folder / "alertmanager", alerts),
    }
    if not alertmanager:
        del commands["alertmanager"]

    def start(name: str) -> subprocess.Popen[bytes]:
        where = CHECKOUT if name == "exporter" else PROMETHEUS_DIR
        with (folder / f"{name}.log").open("a") as log:
            return subprocess.Popen(commands[name], cwd=where, env=place.environ, stdout=log, stderr=log)

    watching = Monitored(f"http://{exporter}", f"http://{prometheus}", f"http://{alerts}", start, {})
    try:
        for name in commands:
            watching.running[name] = start(name)
        watching.wait()
        yield watching
    finally:
        for process in watching.running.values():
            process.terminate()
        for process in watching.running.values():
            process.wait(_END_S)


def _until_ready(*urls: str) -> None:
    for attempt in Retrying(
        stop=stop_after_delay(60),
        wait=wait_fixed(0.3),
        retry=retry_if_exception_type(requests.RequestException),
        reraise=True,
    ):
        with attempt:
            for url in urls:
                requests.get(url, timeout=5).raise_for_status()
