"""Who is told by the real rules, Prometheus and Alertmanager: while every part restarts, and once the job is dead."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, stop_after_delay, wait_fixed

from deploy.local.lifecycle.status import status
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.parts import PROGRAMS
from deploy.local.services.alerting import WATCHDOG, render_alertmanager, render_dead_mans_switch
from monitoring.figures import read_alerts
from streaming.control import lifecycle
from tests.support.monitored import Monitored, monitored
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed
from tests.support.webhook import Webhook, listening

START = 1_357_034_400_000
TOLD_WITHIN_S = 120.0
_QUIET_FOR_S = 30.0


@dataclass(frozen=True)
class Alerted:
    """What was told; alerts by name.

    `fired_after_restarts` are alerts that Prometheus saw firing; `told_...` is what the webhook was sent. `seen` are
    (name, severity) as `sma status` shows them while the job is dead. `switch_posts` counts how often the dead man's
    switch was posted to from the restarts on.
    """

    fired_after_restarts: list
    told_after_restarts: set[str]
    told_after_s: float
    told: dict
    told_of_dead_job: set[str]
    seen: list[tuple[str, str]]
    is_resolved: bool
    switch_posts: int


@contextmanager
def watched(place, folder: Path) -> Iterator[tuple[Monitored, Webhook]]:
    """Run the job of a place until it has read some events, with all that watches it, and who is told."""
    place.environ["SMA_PUBLISH_AVERAGES"] = "false"
    try:
        succeed(place.sma("stream", "start"))
        heartbeats = [Sent(b'{"heartbeat": %d}' % START, START, partition=partition) for partition in range(4)]
        publish(place.settings, heartbeats)
        succeed(place.sma("wait", "--timeout", "120"))
        with listening() as receiver:
            alertmanager = render_alertmanager(receiver.url, receiver.switch_url)
            switch = render_dead_mans_switch(receiver.switch_url)
            with monitored(place, folder, alertmanager, switch) as prometheus:
                _await_all_up(prometheus, 60)
                yield prometheus, receiver
    finally:
        place.sma("stream", "stop")


def restart_and_kill(place, prometheus: Monitored, receiver: Webhook) -> Alerted:
    """Restart every part, wait; let the job die, wait until that is told; start it again, wait until that is too."""
    _restart_every_part(place, prometheus)
    fired_after_restarts = []
    deadline = time.monotonic() + _QUIET_FOR_S
    while time.monotonic() < deadline:
        fired_after_restarts += prometheus.query(f'ALERTS{{alertstate="firing", alertname!="{WATCHDOG}"}}')
        time.sleep(1)
    told_after_restarts = receiver.names()
    switched = receiver.switched.qsize()

    lifecycle.cancel(place.settings)
    died = time.monotonic()
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % (START + 60_000), START, partition=0)])
    for attempt in _eventually(2 * TOLD_WITHIN_S):
        with attempt:
            assert "JobDown" in receiver.names()
    told_after_s = time.monotonic() - died
    told, told_of_dead_job = receiver.one("JobDown"), receiver.names()
    seen = read_alerts(place.settings.model_copy(update={"prometheus_url": prometheus.prometheus_url}))

    succeed(place.sma("stream", "start"))
    is_resolved = _happens(lambda: "JobDown" in receiver.names("resolved"), 180)
    _happens(lambda: receiver.switched.qsize() >= switched + 2, 180)
    return Alerted(
        fired_after_restarts=fired_after_restarts,
        told_after_restarts=told_after_restarts,
        told_after_s=told_after_s,
        told=told,
        told_of_dead_job=told_of_dead_job,
        seen=[(alert.name, alert.severity) for alert in seen],
        is_resolved=is_resolved,
        switch_posts=receiver.switched.qsize() - switched,
    )


def _restart_every_part(place, prometheus: Monitored) -> None:
    supervisor = Supervisor(place.settings.state_dir)
    for part in ("kafka", "timescaledb", "dagster", "flink"):
        for program in PROGRAMS[part]:
            supervisor.stop([program])
            supervisor.start(program)
            for attempt in _eventually(150):
                with attempt:
                    assert all(each.is_up for each in status(place.settings, environ=place.environ).parts)
            if program == "flink-jobmanager":  # a cluster that comes back knows no job: `sma up` starts it
                succeed(place.sma("stream", "start"))
    for program in PROGRAMS["prometheus"]:  # the test's own, which watch its place
        prometheus.restart(program)
    _await_all_up(prometheus, 120)


def _await_all_up(prometheus: Monitored, seconds: float) -> None:
    for attempt in _eventually(seconds):
        with attempt:
            assert prometheus.query("sma_job_up == 1")
            assert not prometheus.query("sma_collector_up == 0")


def _eventually(seconds: float) -> Retrying:
    return Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.5), reraise=True)


def _happens(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + within_s
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return holds
