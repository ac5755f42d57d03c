"""A reconciliation while the stream goes on correcting its rows: what changes meanwhile is not compared."""

import json
import random
import threading
from pathlib import Path

import pytest

from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import load_averages
from sma.days import day_of
from tests.support.publishing import Sent, publish
from tests.support.stream_job import running_job

START = 1_357_034_400_000
SERIES = 8
DISORDER_MS = 600_000
YAML = """
watermark_delay: 1 second
allowed_lateness: 9 minutes
averages:
  - {name: minute, window: 1 minute, every: 10 seconds}
  - {name: last_20, window: 20 events, every: 10 seconds}
"""


@pytest.fixture
def job(place, averages_file):
    with running_job(place, averages_file, YAML):
        yield place


def events(count, from_second, chooser):
    """Some events a second of each series, a few of them later than allowed, and a heartbeat for each partition."""
    for second in range(from_second, from_second + count):
        newest = START + second * 1_000
        for series in range(SERIES):
            time_ms = newest - chooser.randrange(DISORDER_MS)
            fields = {"customer": f"c{series}", "metric": "m", "event_time": time_ms, "value": chooser.randrange(1_000)}
            yield Sent(json.dumps(fields).encode(), newest, key=f"c{series}/m")
        for partition in range(4):
            yield Sent(b'{"heartbeat": %d}' % newest, newest, partition=partition)


def test_rows_that_the_stream_corrects_meanwhile_are_left_out(job):
    chooser = random.Random(1)
    publish(job.settings, list(events(2_000, 0, chooser)))
    is_over = threading.Event()

    def go_on():
        second = 2_000
        while not is_over.is_set():
            publish(job.settings, list(events(5, second, chooser)))
            second += 5

    averages = load_averages(Path(job.environ["SMA_AVERAGES"]))
    said = []
    publishing = threading.Thread(target=go_on)
    publishing.start()
    try:
        compute_batch_days(job.settings, averages, [day_of(START)], "run-1", said.append)
        found = reconcile_days(job.settings, averages, [day_of(START)], "run-1", said.append)
    finally:
        is_over.set()
        publishing.join()
    assert (found.unexplained, found.unaccounted) == (0, 0)
    assert sum(day.summary.explained for day in found.days) > 0
    assert any("windows changed since the snapshot" in line for line in said)
