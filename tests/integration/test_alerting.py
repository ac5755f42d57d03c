"""Who is told, how soon, and who is left alone: real rules, Prometheus and Alertmanager, and a webhook that listens."""

import time
from contextlib import ExitStack

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from deploy.local.lifecycle.status import status
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.services.alerting import WATCHDOG, render_alertmanager, render_dead_mans_switch
from deploy.local.services.programs import PROGRAMS
from monitoring.figures import read_alerts
from streaming.control import lifecycle
from tests.support.monitored import monitored
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed
from tests.support.webhook import listening

START = 1_357_034_400_000
TOLD_WITHIN_S = 120.0
QUIET_FOR_S = 30.0


def eventually(seconds: float) -> Retrying:
    return Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.5), reraise=True)


@pytest.fixture
def watched(place, slots, tmp_path):
    """A place whose job has read some events, all that watches it, and who is told."""
    place.environ["SMA_PUBLISH_AVERAGES"] = "false"
    succeed(place.sma("stream", "start"))
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % START, START, partition=partition) for partition in range(4)])
    succeed(place.sma("wait", "--timeout", "120"))
    with ExitStack() as held:
        receiver = held.enter_context(listening())
        alertmanager = render_alertmanager(receiver.url, receiver.switch_url)
        switch = render_dead_mans_switch(receiver.switch_url)
        prometheus = held.enter_context(monitored(place, tmp_path, alertmanager, switch))
        for attempt in eventually(60):
            with attempt:
                assert prometheus.query("sma_job_up == 1")
                assert not prometheus.query("sma_collector_up == 0")
        yield place, prometheus, receiver
    place.sma("stream", "stop")


@pytest.mark.nightly
def test_restarts_alert_nobody_and_a_dead_consumer_does_within_two_minutes(watched):
    place, prometheus, receiver = watched
    state_dir = place.settings.state_dir
    supervisor = Supervisor(state_dir)
    for part in ("kafka", "timescaledb", "dagster", "flink"):
        for program in PROGRAMS[part]:
            supervisor.stop([program])
            supervisor.start(program)
            for attempt in eventually(150):
                with attempt:
                    assert all(each.is_up for each in status(place.settings, environ=place.environ).parts)
            if program == "flink-jobmanager":  # a cluster that comes back knows no job: `sma up` starts it
                succeed(place.sma("stream", "start"))
    for program in PROGRAMS["prometheus"]:  # the test's own, which watch its place
        prometheus.restart(program)
    for attempt in eventually(120):
        with attempt:
            assert prometheus.query("sma_job_up == 1")
            assert not prometheus.query("sma_collector_up == 0")
    deadline = time.monotonic() + QUIET_FOR_S
    while time.monotonic() < deadline:
        assert not prometheus.query(f'ALERTS{{alertstate="firing", alertname!="{WATCHDOG}"}}')
        time.sleep(1)
    assert receiver.names() == set()
    switched = receiver.switched.qsize()

    lifecycle.cancel(place.settings)
    died = time.monotonic()
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % (START + 60_000), START, partition=0)])
    for attempt in eventually(2 * TOLD_WITHIN_S):
        with attempt:
            assert "JobDown" in receiver.names()
    assert time.monotonic() - died <= TOLD_WITHIN_S
    told = receiver.one("JobDown")
    assert told["labels"]["severity"] == "page"
    assert told["annotations"]["runbook"] == "docs/runbooks/JobDown.md"
    assert "1 records wait" in told["annotations"]["summary"]
    assert receiver.names() == {"JobDown"}
    seen = read_alerts(place.settings.model_copy(update={"prometheus_url": prometheus.prometheus_url}))
    assert [(alert.name, alert.severity) for alert in seen] == [("JobDown", "page")]

    succeed(place.sma("stream", "start"))
    for attempt in eventually(180):
        with attempt:
            assert "JobDown" in receiver.names("resolved")
    for attempt in eventually(180):
        with attempt:
            assert receiver.switched.qsize() >= switched + 2  # it goes on after the restarts, too
