"""The demo, twice in a row: it explains every difference, and both runs say the same."""

import json
import subprocess
import sys

import pytest

from sma.settings import CHECKOUT

RUN_SECONDS = 300


def run_demo(stack, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=CHECKOUT,
        env=stack.environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def reports(stack):
    """The reports of two runs, the second over what the first left, and what the second printed."""
    found = []
    for _ in range(2):
        ran = run_demo(stack)
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads((stack.settings.state_dir / "demo" / "report.json").read_text()))
    return found[0], found[1], ran.stdout


def test_every_flight_is_accounted_for(reports):
    report, _, _ = reports
    # 27,004 flights in the data for January, 521 of them never departed
    assert report["events"] == 26_483
    assert report["cancelled_flights"] == 521
    assert report["rejected_events"] == 0
    assert report["unaccounted"] == 0


def test_every_difference_is_explained_by_late_events(reports):
    report, _, _ = reports
    assert report["unexplained"] == 0
    assert report["late_events"] > 0
    differing = report["changed"] + report["missing_in_stream"] + report["extra_in_stream"]
    assert report["explained"] == differing > 0
    assert report["windows_compared"] == report["equal"] + differing


def test_the_figures_are_those_worked_out_from_the_file_alone(reports):
    # by a plain-Python program over the CSV file: the rule of lateness by carrier, windows by counting
    report, _, _ = reports
    names = ["late_events", "windows_compared", "equal", "changed", "missing_in_stream", "extra_in_stream"]
    assert [report[name] for name in names] == [1_184, 37_366, 25_456, 11_829, 81, 0]


def test_rows_reach_the_database_while_events_still_flow(reports):
    report, _, _ = reports
    assert 0 < report["streamed_rows_before_close"] < report["streamed_rows"]


def test_two_runs_say_the_same(reports):
    first, second, _ = reports
    timing = {"seconds", "streamed_rows_before_close"}
    assert {name: value for name, value in first.items() if name not in timing} == {
        name: value for name, value in second.items() if name not in timing
    }


def test_it_tells_of_one_window_and_shows_a_chart(reports, stack):
    _, _, printed = reports
    assert "One window that the stream got wrong" in printed
    assert "minutes late" in printed
    page = (stack.settings.state_dir / "demo" / "index.html").read_text()
    assert "<svg" in page


def test_it_does_not_delete_events_of_others(reports, stack, tmp_path):
    readings = tmp_path / "readings.csv"
    readings.write_text("timestamp,value\n2014-01-01,1\n")
    columns = ("--customer", "acme", "--metric", "t", "--time-column", "timestamp", "--value-column", "value")
    assert stack.sma("produce", str(readings), *columns).returncode == 0
    refused = run_demo(stack)
    assert refused.returncode == 1
    assert "FRESH=1" in refused.stderr
    assert "Traceback" not in refused.stderr
