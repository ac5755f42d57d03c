"""The demo: it explains every difference, and a second run reports the same."""

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
def ran(stack):
    """The report of a run, and what it printed."""
    return report_of_a_run(stack)


def report_of_a_run(stack):
    """Run the demo; return its report and what it printed."""
    ran = run_demo(stack)
    assert ran.returncode == 0, ran.stderr
    return json.loads((stack.settings.state_dir / "demo" / "report.json").read_text()), ran.stdout


def test_every_flight_is_accounted_for(ran):
    report, _ = ran
    # 27,004 flights in the data for January, 521 of them never departed
    assert report["events"] == 26_483
    assert report["cancelled_flights"] == 521
    assert report["rejected_events"] == 0
    assert report["unaccounted"] == 0


def test_every_difference_is_explained_by_late_events(ran):
    report, _ = ran
    assert report["unexplained"] == 0
    assert report["late_events"] > 0
    differing = report["changed"] + report["missing_in_stream"] + report["extra_in_stream"]
    assert report["explained"] == differing > 0
    assert report["windows_compared"] == report["equal"] + differing


def test_the_figures_are_those_worked_out_from_the_file_alone(ran):
    # by a plain-Python program over the CSV file: the rule of lateness by carrier, windows by counting
    report, _ = ran
    names = ["late_events", "windows_compared", "equal", "changed", "missing_in_stream", "extra_in_stream"]
    assert [report[name] for name in names] == [1_184, 37_366, 25_456, 11_829, 81, 0]


def test_rows_reach_the_database_while_events_still_flow(ran):
    report, _ = ran
    assert 0 < report["streamed_rows_before_close"] < report["streamed_rows"]


@pytest.mark.nightly
def test_a_second_run_over_what_the_first_left_reports_the_same(ran, stack):
    first, _ = ran
    second, _ = report_of_a_run(stack)
    assert _without_timing(second) == _without_timing(first)


def _without_timing(report):
    """Leave out what depends on time; the longer a run takes, the more partitions are quiet and get heartbeats."""
    timing = {"seconds", "streamed_rows_before_close", "records", "heartbeats"}
    kept = {name: value for name, value in report.items() if name not in timing}
    return kept | {"records_without_heartbeats": report["records"] - report["heartbeats"]}


def test_it_tells_of_one_window_and_shows_a_chart(ran, stack):
    _, printed = ran
    assert "One window that the stream got wrong" in printed
    assert "minutes late" in printed
    page = (stack.settings.state_dir / "demo" / "index.html").read_text()
    assert "<svg" in page


def test_it_does_not_delete_events_of_others(ran, stack, tmp_path):
    readings = tmp_path / "readings.csv"
    readings.write_text("timestamp,value\n2014-01-01,1\n")
    columns = ("--customer", "acme", "--metric", "t", "--time-column", "timestamp", "--value-column", "value")
    assert stack.sma("produce", str(readings), *columns).returncode == 0
    refused = run_demo(stack)
    assert refused.returncode == 1
    assert "FRESH=1" in refused.stderr
    assert "Traceback" not in refused.stderr
