"""`sma tail` on the real topic: rows as the job commits them, corrections marked, and a quiet end."""

import json
import signal
import subprocess
from contextlib import contextmanager

import pytest

from tests.support.places import SMA
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed
from tests.support.stream_job import running_job

MINUTE = 60_000
START = 1_357_034_400_000  # 2013-01-01T10:00:00Z
AVERAGES = """
watermark_delay: 1 minute
allowed_lateness: 1 hour
averages:
  - {name: tumbling, window: 10 minutes, every: 10 minutes}
"""


def event(minute, value):
    fields = {"customer": "acme", "metric": "heat", "event_time": START + minute * MINUTE, "value": value}
    return Sent(json.dumps(fields).encode(), START + minute * MINUTE, key="acme/heat")


def heartbeats(minute):
    time_ms = START + minute * MINUTE
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


@pytest.fixture
def place(place, slots, averages_file):
    """A place whose job runs and has read nothing yet."""
    with running_job(place, averages_file, AVERAGES):
        yield place


@contextmanager
def tailing(place, *arguments):
    """Run `sma tail` from when it waits for rows."""
    with subprocess.Popen(
        [SMA, "tail", *arguments], env=place.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert "waiting for rows" in running.stderr.readline()
            yield running
        finally:
            running.kill()


def means(running, count):
    rows = [json.loads(running.stdout.readline()) for _ in range(count)]
    return {row["as_of"]: (row["sma"], row["event_count"], row["is_correction"]) for row in rows}


def test_rows_are_printed_as_they_come_and_a_correction_is_marked(place):
    with tailing(place, "acme", "heat", "--average", "tumbling", "--json") as running:
        # 0, 1, ... 29: the means of ten each are 4.5, 14.5 and 24.5
        publish(place.settings, [*(event(minute, minute) for minute in range(30)), *heartbeats(60)])
        assert means(running, 3) == {
            "2013-01-01T10:10:00Z": ("4.500000000", 10, False),
            "2013-01-01T10:20:00Z": ("14.500000000", 10, False),
            "2013-01-01T10:30:00Z": ("24.500000000", 10, False),
        }
        publish(place.settings, [event(5, "-1")])  # 44 / 11
        assert means(running, 1) == {"2013-01-01T10:10:00Z": ("4.000000000", 11, True)}
        running.send_signal(signal.SIGINT)
        assert (running.wait(30), running.stdout.read(), running.stderr.read()) == (0, "", "")


def test_what_was_emitted_is_read_from_the_start_and_by_the_time_of_emission(place):
    publish(place.settings, [*(event(minute, minute) for minute in range(30)), *heartbeats(60)])
    succeed(place.sma("wait", "--timeout", "120"))
    for start in (("--from-start",), ("--since", "1 hour")):
        lines = succeed(place.sma("tail", *start, "--limit", "3", timeout=60)).splitlines()
        assert sorted(lines) == [
            "2013-01-01T10:10:00Z  acme/heat  tumbling  4.500000000  (10 events)",
            "2013-01-01T10:20:00Z  acme/heat  tumbling  14.500000000  (10 events)",
            "2013-01-01T10:30:00Z  acme/heat  tumbling  24.500000000  (10 events)",
        ]


def test_a_pipe_that_is_closed_ends_it_while_it_waits(place):
    with tailing(place) as running:
        running.stdout.close()
        assert (running.wait(30), running.stderr.read()) == (0, "")
