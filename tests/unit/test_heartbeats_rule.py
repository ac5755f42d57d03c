"""Which partitions get a heartbeat, and of what time."""

import pytest

from heartbeats.rule import Tail, due
from heartbeats.service import pause_s
from sma.averages import parse_averages

MINUTE = 60_000
NOW = 100 * MINUTE
# newest log time, timestamp of the last record: old times that arrived just now or a while ago
AHEAD = Tail(50 * MINUTE, NOW - MINUTE // 2)
QUIET = Tail(20 * MINUTE, NOW - MINUTE)
BUSY = Tail(20 * MINUTE, NOW - MINUTE + 1)
EMPTY = Tail()


@pytest.mark.parametrize(
    ("tails", "expected"),
    [
        ([AHEAD, QUIET], {1: 50 * MINUTE}),
        ([AHEAD, BUSY], {}),
        ([AHEAD, EMPTY], {1: 50 * MINUTE}),
        ([QUIET, QUIET], {}),  # both have reached the newest log time
        ([QUIET], {}),
        ([EMPTY, EMPTY], {}),
        ([AHEAD, Tail(None, NOW - MINUTE)], {1: 50 * MINUTE}),  # a rejected record
    ],
)
def test_newest_brings_quiet_partitions_to_the_newest_log_time_once(tails, expected):
    assert due(dict(enumerate(tails)), "newest", MINUTE, NOW) == expected


@pytest.mark.parametrize(
    ("tails", "expected"),
    [
        ([AHEAD, QUIET], {1: NOW}),
        ([QUIET, QUIET], {0: NOW, 1: NOW}),
        ([AHEAD, BUSY], {}),
        ([EMPTY, EMPTY], {}),
        ([QUIET, EMPTY], {0: NOW, 1: NOW}),
        ([QUIET, Tail(NOW, NOW)], {0: NOW}),
    ],
)
def test_clock_brings_quiet_partitions_to_the_clock(tails, expected):
    assert due(dict(enumerate(tails)), "clock", MINUTE, NOW) == expected


def test_off_writes_none():
    assert due({0: AHEAD, 1: QUIET}, "off", MINUTE, NOW) == {}


def test_where_this_clock_is_behind_the_newest_record_tells_what_is_quiet():
    behind = NOW - 10 * MINUTE
    assert due({0: Tail(50 * MINUTE, NOW), 1: QUIET}, "newest", MINUTE, behind) == {1: 50 * MINUTE}


@pytest.mark.parametrize(("idle_after", "seconds"), [("1 second", 0.5), ("8 seconds", 2), ("1 hour", 15)])
def test_a_quiet_partition_is_found_soon_after_it_is_idle(idle_after, seconds):
    text = f"watermark_delay: 1 hour\nidle_after: {idle_after}\naverages: [{{name: a, window: 1 hour, every: 1 hour}}]"
    assert pause_s(parse_averages(text, "averages.yaml")) == seconds
