"""Both layers begin with a log whose beginning Kafka no longer has, each with another part of it, and agree."""

import random
from pathlib import Path

import pytest

from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import load_averages
from sma.days import day_of
from sma.instants import format_instant
from tests.support import oracle
from tests.support.publishing import delete_share, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import use_averages
from tests.support.stream_operations import as_record, heartbeat
from tests.support.streams import known_of, left_of

START = 1_357_034_400_000
SERIES = 8
MINUTE = 60_000
LATENESS = 9 * MINUTE
YAML = """
watermark_delay: 1 second
allowed_lateness: 9 minutes
max_ahead: 5 minutes
averages:
  - {name: quarter, window: 15 minutes, every: 5 minutes}
  - {name: last_20, window: 20 events, every: 5 minutes}
"""


@pytest.fixture
def job(place, averages_file):
    use_averages(place, averages_file, YAML)
    yield place
    succeed(place.sma("stream", "stop"))


def events():
    """Five hours of each series, some events later than allowed."""
    chooser = random.Random(11)
    made = []
    for second in range(0, 5 * 3_600, 20):
        for series in range(SERIES):
            behind = chooser.randrange(10 * MINUTE) if chooser.random() < 0.5 else 0
            made.append((f"c{series}", "m", START + second * 1_000 - behind, f"{chooser.randrange(10**6)}"))
    return made


def late_of(sent, positions, firsts):
    """The positions of the late events among those that are left."""
    late = set()
    for partition, first in firsts.items():
        left = [(event, at) for event, at in zip(sent, positions, strict=True) if at[0] == partition and at[1] >= first]
        late |= {left[place][1] for place in oracle.late_by_series([event for event, _ in left], LATENESS)}
    return late


def positions_from(positions, firsts):
    return {(partition, offset) for partition, offset in positions if offset >= firsts[partition]}


def test_each_layer_has_the_rows_that_it_knows_and_no_difference_is_unexplained(job):
    sent = events()
    positions = publish(job.settings, [as_record(event) for event in sent])
    of_stream = delete_share(job.settings, positions, 1 / 8)
    assert "no longer holds the offsets 0 to" in succeed(job.sma("stream", "start"))
    end_ms = START + 24 * 60 * MINUTE
    publish(job.settings, [heartbeat(end_ms, partition) for partition in range(4)])
    succeed(job.sma("wait", "--timeout", "120"))
    averages = load_averages(Path(job.environ["SMA_AVERAGES"]))
    by_stream = known_of(left_of(sent, positions, of_stream), averages, has_late=False)
    assert stored(job, "streaming_averages") == by_stream

    of_batch = delete_share(job.settings, positions, 1 / 4)
    said = []
    compute_batch_days(job.settings, averages, [day_of(START)], "run-1", said.append)
    found = reconcile_days(job.settings, averages, [day_of(START)], "run-1", said.append)
    assert (found.unexplained, found.unaccounted) == (0, 0)
    assert sum(day.summary.explained for day in found.days) > 0  # late events, which the batch rows hold
    assert sum(day.summary.extra_in_stream for day in found.days) == 0
    held = stored(job, "batch_averages")
    assert len(held["quarter"]) < len(by_stream["quarter"])
    assert late_of(sent, positions, of_stream) & positions_from(positions, of_batch) > late_of(
        sent, positions, of_batch
    )
    assert {account.read_from for account in found.accounts if account.records > 1} == set(of_batch.values()) - {0}

    # a window that the stream alone knows is not called wrong
    customer, metric, as_of_ms = min(set(by_stream["quarter"]) - set(held["quarter"]), key=lambda key: key[2])
    told = job.sma("explain", customer, metric, "quarter", format_instant(as_of_ms))
    assert "no longer" in told.stdout, told
