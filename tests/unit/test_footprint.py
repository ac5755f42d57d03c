"""What averages cost by `sma check`: against windows worked out one by one."""

from itertools import pairwise

import pytest
from click.testing import CliRunner

from cli.check import check
from sma.averages import Average, Averages
from sma.durations import DAY_MS
from sma.footprint import EVENT_STATE_BYTES, footprint
from sma.window import CountWindow, DurationWindow
from tests.support import oracle

MINUTE, HOUR = 60_000, 3_600_000
AVERAGES = (
    Average("hour", DurationWindow(HOUR), 15 * MINUTE),
    Average("day", DurationWindow(DAY_MS), HOUR),
    Average("last_50", CountWindow(50), HOUR),
)


@pytest.mark.parametrize("interval_ms", [47 * MINUTE, HOUR, 5 * HOUR, 36 * HOUR])
def test_rows_a_day_are_those_of_a_series_that_sends_evenly(interval_ms):
    days = 20
    events = [("c", "m", at_ms, "1") for at_ms in range(0, days * DAY_MS, interval_ms)]
    made = footprint(Averages(0, 0, 0, AVERAGES), interval_ms).rows_a_day
    for average in AVERAGES:
        if isinstance(average.window, CountWindow):
            rows = oracle.count_windows(events, average.window.event_count, average.every_ms)
        else:
            rows = oracle.duration_windows(events, average.window.duration_ms, average.every_ms)
        in_the_middle = [as_of for _, _, as_of in rows if 5 * DAY_MS <= as_of < 15 * DAY_MS]
        assert made[average.name] == pytest.approx(len(in_the_middle) / 10, abs=1)


def test_the_state_holds_the_longest_window_and_what_may_still_arrive():
    made = footprint(Averages(0, HOUR, 0, AVERAGES), MINUTE)
    assert made.state_bytes == EVENT_STATE_BYTES * 25 * 60
    rare = footprint(Averages(0, HOUR, 0, AVERAGES), 12 * HOUR)
    assert rare.state_bytes == EVENT_STATE_BYTES * 51


def test_a_shorter_interval_never_costs_less():
    costs = [footprint(Averages(0, HOUR, 0, AVERAGES), interval) for interval in (DAY_MS, HOUR, MINUTE, 1_000)]
    for fewer, more in pairwise(costs):
        assert more.state_bytes >= fewer.state_bytes
        assert more.database_bytes_a_day >= fewer.database_bytes_a_day


def test_the_command_shows_each_average_and_the_sum(tmp_path):
    file = tmp_path / "averages.yaml"
    file.write_text("watermark_delay: 1 minute\naverages:\n  - {name: hour, window: 1 hour, every: 1 minute}\n")
    ran = CliRunner().invoke(check, [str(file), "--interval", "10 seconds", "--series", "100"])
    assert ran.exit_code == 0, ran.output
    assert "1,440" in ran.output
    assert "100 series: 144,000 rows a day" in ran.output


def test_an_interval_that_is_none_is_named(tmp_path):
    ran = CliRunner().invoke(check, ["--interval", "often"])
    assert ran.exit_code == 2
    assert "'often' is not a duration" in ran.output
