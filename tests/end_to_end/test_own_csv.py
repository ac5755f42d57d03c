"""A CSV file of one's own, from `sma produce` to the view, as the README tells a new user."""

import json
import subprocess
import time
from contextlib import contextmanager
from decimal import Decimal

import psycopg
import pytest
import requests

from deploy.local.lifecycle.supervisor import Supervisor

CLOSED_WITHIN_S = 180  # `idle_after` is a minute
COLUMNS = ("--customer", "plant", "--metric", "temperature", "--time-column", "timestamp", "--value-column", "value")


@pytest.fixture
def readings(tmp_path):
    """One day of readings, every 5 minutes: 20.0, 20.1, 20.2, ..."""
    lines = ["timestamp,value"]
    for number in range(288):
        hours, minutes = divmod(number * 5, 60)
        lines.append(f"2015-06-01 {hours:02d}:{minutes:02d}:00,{Decimal(200 + number) / 10}")
    path = tmp_path / "readings.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def succeed(ran):
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_readings_become_reconciled_averages(stack, readings):
    published = json.loads(succeed(stack.sma("produce", str(readings), *COLUMNS, "--close", "--json")))
    assert (published["events"], published["heartbeats"], published["skipped"]) == (288, 4, 0)
    succeed(stack.sma("wait", "--timeout", "120"))
    report = json.loads(succeed(stack.sma("reconcile", "--start", "2015-06-01", "--end", "2015-06-02", "--json")))
    assert report["unexplained"] == 0
    assert report["windows_compared"] == report["equal"] > 0

    url = json.loads(succeed(stack.sma("status", "--json")))["database_url"]
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT average, event_count, value_sum, sma, source, is_full, is_final FROM serving.moving_averages "
            "WHERE customer = 'plant' AND as_of = '2015-06-01 01:00:00Z' ORDER BY average"
        ).fetchall()
    # the 12 readings 20.0, 20.1, ... 21.1 of the first hour: their mean is 20.55
    pair = (12, Decimal("246.6"), Decimal("20.55"), "batch")
    assert rows == [("day", *pair, True, True), ("hour", *pair, True, True), ("last_50", *pair, False, True)]


def readings_of(tmp_path, name, days):
    """A CSV file with a reading every 5 minutes of some days of March 2017."""
    lines = ["timestamp,value"]
    lines += [
        f"2017-03-{day:02d} {hour:02d}:{minute:02d}:00,{hour}"
        for day in days
        for hour in range(24)
        for minute in range(0, 60, 5)
    ]
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@contextmanager
def without_heartbeats(stack):
    """The service that writes heartbeats is stopped, for the time of a `with` block."""
    supervisor = Supervisor(stack.settings.state_dir)
    supervisor.stop(["heartbeats"])
    try:
        yield
    finally:
        supervisor.start("heartbeats")


def await_closed(stack, customer):
    """Wait until the stack's own heartbeats have closed a day of a customer; return the plan to reconcile it."""
    deadline = time.monotonic() + CLOSED_WITHIN_S
    while True:
        ran = stack.sma("reconcile", "--customer", customer, "--dry-run", "--json")
        plan = json.loads(ran.stdout)["plan"]
        if plan["days"]:
            return plan
        assert time.monotonic() < deadline, ran.stdout
        time.sleep(1)


@pytest.fixture(scope="module")
def three_days(stack, tmp_path_factory):
    """What the commands print for three days of a customer, published without --close, and after a fourth with it."""
    folder = tmp_path_factory.mktemp("three_days")
    columns = ("--customer", "own", *COLUMNS[2:])
    with without_heartbeats(stack):
        succeed(stack.sma("produce", readings_of(folder, "three.csv", [1, 2, 3]), *columns))
        succeed(stack.sma("wait", "--timeout", "120"))
        refused = stack.sma("reconcile", "--customer", "own")
        shown = {"unclosed": refused.stdout, "exit": (refused.returncode, refused.stderr.splitlines()[-1])}
        shown["explained"] = json.loads(
            succeed(stack.sma("explain", "own", "temperature", "hour", "2017-03-02T12:00", "--json"))
        )
    succeed(stack.sma("produce", readings_of(folder, "fourth.csv", [4]), *columns, "--close"))
    succeed(stack.sma("wait", "--timeout", "120"))
    shown["dry run"] = json.loads(succeed(stack.sma("reconcile", "--customer", "own", "--dry-run", "--json")))
    shown["closed"] = json.loads(succeed(stack.sma("reconcile", "--customer", "own", "--json")))
    shown["again"] = succeed(stack.sma("reconcile", "--customer", "own"))
    return shown


def test_without_close_nothing_is_compared_and_the_command_says_what_closes_it(three_days):
    shown = three_days["unclosed"]
    assert shown.startswith("nothing was compared: no day has a closed window of own\n")
    assert "864 events of 2017-03-01 to 2017-03-03 are not compared yet" in shown
    assert "holds them back" in shown
    assert "`sma heartbeat`" in shown
    assert "unexplained" not in shown
    exit_code, line = three_days["exit"]
    assert exit_code == 1
    assert "not closed, so not wholly reconciled: 2017-03-01 to 2017-03-03: partition " in line


def test_without_close_a_value_is_explained_as_not_closed(three_days):
    explained = three_days["explained"]
    assert "the window is not closed in all partitions" in explained["sentence"]
    assert explained["batch"]["row"] is None
    assert [event["in_batch"] for event in explained["events"]] == [False] * 12
    assert [event["in_stream"] for event in explained["events"]] == [True] * 12


def test_what_is_new_is_reconciled_and_shown_at_the_end(three_days):
    report = three_days["closed"]
    days = [each["day"] for each in report["plan"]["days"]]
    assert days[:4] == ["2017-03-01", "2017-03-02", "2017-03-03", "2017-03-04"]
    assert days == [each["day"] for each in three_days["dry run"]["plan"]["days"]]
    assert report["unexplained"] == 0
    assert report["windows_compared"] == report["equal"] > 0
    assert report["explain"][0].startswith("sma explain own temperature ")
    assert "2017-03-04" in report["explain"][0]


def test_what_is_reconciled_is_left_out_afterwards(three_days):
    assert three_days["again"].startswith("nothing was compared: nothing new has closed of own since")
    assert "settled and unchanged: --all includes them" in three_days["again"]


def test_status_tells_where_everything_is(stack):
    status = json.loads(succeed(stack.sma("status", "--json")))
    assert {"database_url", "kafka_bootstrap", "flink_url", "dagster_url"} <= status.keys()
    assert all(part["is_up"] for part in status["parts"])
    assert status["stream"]["state"] == "RUNNING"


def test_status_shows_the_series_just_published_first_and_pages_that_answer(stack, readings):
    succeed(stack.sma("produce", str(readings), *COLUMNS[2:], "--customer", "newcomer", "--close"))
    succeed(stack.sma("wait", "--timeout", "120"))
    status = json.loads(succeed(stack.sma("status", "--json")))
    newest = status["newest"]["series"][0]
    assert (newest["customer"], newest["metric"], newest["state"]) == ("newcomer", "temperature", "streamed")
    assert status["pages"].keys() == {"alerts", "targets", "alertmanager"}
    for url in status["pages"].values():
        assert requests.get(url, timeout=10).status_code == 200
    shown = succeed(stack.sma("status"))
    (line,) = [line for line in shown.splitlines() if "newcomer/temperature" in line]
    assert "closed, streamed" in line
    assert " days, " not in shown


def test_the_logs_of_a_part_are_printed(stack):
    assert " INFO " in succeed(stack.sma("logs", "kafka"))
    assert "==> flink-taskmanager <==" in succeed(stack.sma("logs", "flink"))
    assert {"flink-taskmanager", "alertmanager", "postgres"} <= set(succeed(stack.sma("logs")).split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,value\n2015-06-01,1\n", "no column 'timestamp'"),
        ("timestamp,value\nyesterday,1\n", "line 2: timestamp: 'yesterday' is no time"),
        ("timestamp,value\n2015-06-01,1\n2015-06-01,warm\n", "line 3: value: 'warm': not a number"),
    ],
)
def test_a_bad_file_is_one_line_and_publishes_nothing(stack, tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    before = json.loads(succeed(stack.sma("stream", "status", "--json")))["log_end"]
    ran = stack.sma("produce", str(path), *COLUMNS)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert json.loads(succeed(stack.sma("stream", "status", "--json")))["log_end"] == before


def test_a_bad_averages_file_is_one_line(stack, readings, averages_file):
    averages_file.write_text("watermark_delay: 1 hour\naverages:\n  - {name: a, window: 1 huor, every: 1 hour}\n")
    environ = dict(stack.environ) | {"SMA_AVERAGES": str(averages_file)}
    for arguments in (("produce", str(readings), *COLUMNS), ("reconcile",)):
        ran = type(stack)(stack.settings, environ).sma(*arguments)
        assert ran.returncode == 1
        assert ran.stderr.startswith("sma: averages.yaml: averages[0].window: '1 huor' is neither")
        assert len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "address", "arguments"),
    [
        ("SMA_KAFKA_BOOTSTRAP", "127.0.0.1:1", ("produce", "FILE", *COLUMNS)),
        ("SMA_KAFKA_BOOTSTRAP", "127.0.0.1:1", ("reconcile",)),
        ("SMA_FLINK_URL", "http://127.0.0.1:1", ("stream", "start")),
        ("SMA_FLINK_URL", "http://127.0.0.1:1", ("stream", "status")),
        ("SMA_DAGSTER_URL", "http://127.0.0.1:1", ("reconcile", "--start", "2015-06-01", "--end", "2015-06-01")),
    ],
)
def test_a_service_that_is_down_is_one_line(stack, readings, variable, address, arguments):
    arguments = [str(readings) if argument == "FILE" else argument for argument in arguments]
    ran = type(stack)(stack.settings, dict(stack.environ) | {variable: address}).sma(*arguments)
    assert ran.returncode == 1
    assert address.removeprefix("http://") in ran.stderr
    assert "sma up" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_the_database_is_readable_with_psql_as_the_readme_says(stack):
    url = json.loads(succeed(stack.sma("status", "--json")))["database_url"]
    psql = stack.settings.state_dir.parent / "install" / "timescaledb" / "root/usr/lib/postgresql/17/bin/psql"
    ran = subprocess.run(
        [psql, url, "-c", "TABLE serving.moving_averages LIMIT 1"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.nightly("the minute after which a partition is quiet")
def test_the_system_closes_what_is_older_than_the_newest_event_by_itself(stack, tmp_path):
    csv = readings_of(tmp_path, "left_alone.csv", [1, 2, 3])
    succeed(stack.sma("produce", csv, "--customer", "left_alone", *COLUMNS[2:]))
    succeed(stack.sma("wait", "--timeout", "120"))
    plan = await_closed(stack, "left_alone")
    assert [each["day"] for each in plan["days"]][:2] == ["2017-03-01", "2017-03-02"]
    assert plan["unclosed"]["events"] < 864
