"""An exporter, a Prometheus and an Alertmanager of a test's own, which watch its place; all gone in the end."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from deploy.local.environment import read_environment
from deploy.local.ports import LOOPBACK, free_port_base
from deploy.local.render import INSTALL_DIR
from sma.settings import CHECKOUT
from tests.conftest import Place

PROGRAMS = INSTALL_DIR / "prometheus" / "root" / "usr"
RULES = CHECKOUT / "monitoring" / "prometheus" / "rules"


@dataclass(frozen=True)
class Monitored:
    """Where the test's own Prometheus and Alertmanager answer."""

    prometheus_url: str
    alertmanager_url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now; it must be valid."""
        answer = requests.get(f"{self.prometheus_url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]


@contextmanager
def monitored(place: Place, folder: Path, alertmanager: str | None = None) -> Iterator[Monitored]:
    """Watch a place.

    Args:
        place: its topics, database and job.
        folder: a temporary one.
        alertmanager: the configuration of an Alertmanager; without it none is started.
    """
    base = free_port_base()
    exporter, prometheus, alerts = (f"{LOOPBACK}:{base + number}" for number in range(3))
    ports = read_environment(place.settings.state_dir).ports
    flink = [f"{LOOPBACK}:{ports['flink_metrics']}", f"{LOOPBACK}:{ports['flink_metrics_2']}"]
    config = {
        "global": {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"},
        "rule_files": [f"{RULES}/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts] if alertmanager else []}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": targets}]}
            for job, targets in {"exporter": [exporter], "flink": flink, "prometheus": [prometheus]}.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "alertmanager.yml").write_text(alertmanager or "")
    commands = [
        [sys.executable, "-m", "monitoring.exporter", "--port", str(base)],
        [
            f"{PROGRAMS}/bin/prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address={prometheus}",
        ],
    ]
    if alertmanager:
        commands.append(
            [
                f"{PROGRAMS}/bin/prometheus-alertmanager",
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address={alerts}",
                "--cluster.listen-address=",
            ]
        )
    running = []
    try:
        for command in commands:
            log = (folder / f"{Path(command[0]).name}.log").open("w")
            where = CHECKOUT if command[0] == sys.executable else PROGRAMS
            running.append(subprocess.Popen(command, cwd=where, env=place.environ, stdout=log, stderr=log))
            log.close()
        _until_ready(f"http://{prometheus}/-/ready", f"http://{exporter}/metrics")
        yield Monitored(f"http://{prometheus}", f"http://{alerts}")
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(30)


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
