"""The first hour of a newcomer, on a stack of its own: the demo, the sample, then three days of one's own."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.ports import free_port_base
from sma.settings import CHECKOUT
from tests.support.documented import documented_commands
from tests.support.places import SMA

LIMIT_S = 180
OWN_DAYS = [f"2024-03-{day:02d}" for day in (1, 2, 3)]
COLUMNS = ("--customer", "plant", "--metric", "temperature", "--time-column", "timestamp", "--value-column", "value")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def newcomer():
    """Variables of a stack that does not exist yet, and is gone in the end."""
    state_dir = CHECKOUT / ".local" / "test-first-hour"  # PostgreSQL's own user cannot enter pytest's folders
    shutil.rmtree(state_dir, ignore_errors=True)
    others = {name: value for name, value in os.environ.items() if not name.startswith("SMA_")}
    environ = others | {"SMA_STATE_DIR": str(state_dir), "SMA_PORT_BASE": str(free_port_base())}
    try:
        yield environ
    finally:
        run(environ, SMA, "down")
        shutil.rmtree(state_dir)


def run(environ, *command):
    ran = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=400, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def own_readings(path):
    """Write a reading every 30 seconds of `OWN_DAYS`."""
    first = datetime.fromisoformat(OWN_DAYS[0]).replace(tzinfo=UTC)
    times = [first + timedelta(seconds=30 * number) for number in range(len(OWN_DAYS) * 2_880)]
    path.write_text("timestamp,value\n" + "".join(f"{time.isoformat()},{time.hour}\n" for time in times))


@pytest.mark.nightly
def test_the_demo_the_sample_and_days_of_ones_own_take_minutes_and_no_day_is_computed_twice(newcomer, tmp_path):
    began = time.monotonic()
    run(newcomer, sys.executable, "-m", "demo")
    for _, *arguments in documented_commands("docs/own-data.md"):
        printed = run(newcomer, SMA, *arguments)
    assert "temperature" in printed
    own_readings(tmp_path / "own.csv")
    run(newcomer, SMA, "produce", str(tmp_path / "own.csv"), *COLUMNS, "--close")
    run(newcomer, SMA, "wait")
    report = json.loads(run(newcomer, SMA, "reconcile", "--json"))
    assert time.monotonic() - began < LIMIT_S

    computed = [each["day"] for each in report["plan"]["days"]]
    assert set(OWN_DAYS) <= set(computed)
    # the demo's last day gains the windows that closed since
    assert {day for day in computed if day < OWN_DAYS[0]} <= {"2013-02-01", "2013-02-02", "2013-02-03", "2013-01-06"}
    assert report["plan"]["settled_days_left_out"] >= 30
    assert (report["unexplained"], report["unaccounted"]) == (0, 0)
    assert report["explain"][0].startswith("sma explain plant temperature")
