"""`sma export`: what is in the file equals what is stored, divided with `decimal`; a file is whole or not there."""

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from database.migrate import connect
from reader.served import SERVED_SCHEMA
from sma.settings import CHECKOUT
from tests.support.served import add_definitions, add_rows, rounded

FIRST = datetime(2024, 2, 28, 23, 59, tzinfo=UTC)
ROWS = [
    ("acme", "heat", "hour", FIRST, Decimal("-99999999999999999999999999999999.999999"), 10**12),
    ("acme", "heat", "hour", FIRST + timedelta(milliseconds=1), Decimal("0.000001"), 3),
    ("acme", "heat", "hour", FIRST + timedelta(days=2), Decimal("-0.000001"), 2000),
    ('b,"c"', "heat", "last_20", FIRST, Decimal("1234567.891"), 7),
    ("ä", "heat", "last_20", FIRST + timedelta(days=1), Decimal(0), 20),
]
MANY = """
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    SELECT 'acme', 'heat', 'hour', as_of, 1234.5, 7
    FROM generate_series('2024-03-02 00:00+00', '2024-06-02 00:00+00', INTERVAL '1 minute') AS as_of;
"""
MANY_COUNT = 92 * 24 * 60 + 1


@pytest.fixture
def place(own_database):
    add_definitions(own_database)
    add_rows(own_database, "batch_averages", ROWS)
    return own_database


@pytest.fixture
def export(place):
    """Runs `sma export` as a process of its own."""

    def run(*arguments, **others):
        return subprocess.run(command(*arguments), **(of_a_process(place) | others), check=False)

    return run


def command(*arguments):
    return [sys.executable, "-m", "cli.main", "export", *map(str, arguments)]


def of_a_process(place):
    return {"cwd": CHECKOUT, "env": place.environ, "capture_output": True, "text": True, "timeout": 120}


def as_text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def expected(row):
    """A row as CSV has it: every number with all of its decimals, none with an exponent."""
    customer, metric, average, as_of, value_sum, event_count = row
    is_full = average == "hour" or event_count >= 20
    is_final = average == "hour" and as_of < datetime(2024, 2, 29, tzinfo=UTC)
    mean = rounded(value_sum, event_count)
    return {
        "customer": customer,
        "metric": metric,
        "average": average,
        "as_of": as_text(as_of),
        "value_sum": f"{value_sum:.6f}" if value_sum.as_tuple().exponent > -6 else f"{value_sum:f}",
        "event_count": str(event_count),
        "is_full": str(is_full).lower(),
        "sma": f"{mean:f}",
        "source": "batch",
        "is_final": str(is_final).lower(),
    }


SORTED = sorted(ROWS, key=lambda row: (row[3], *(name.encode() for name in row[:3])))


def test_a_csv_file_has_every_digit(export, tmp_path):
    ran = export(tmp_path / "all.csv")
    assert (ran.returncode, ran.stdout) == (0, f"5 rows written to {tmp_path / 'all.csv'}\n"), ran.stderr
    with (tmp_path / "all.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [expected(row) for row in SORTED]


def test_a_parquet_file_has_decimals_and_every_digit(export, tmp_path):
    ran = export(tmp_path / "all.parquet", "--json")
    assert json.loads(ran.stdout) == {"file": str(tmp_path / "all.parquet"), "rows": 5}, ran.stderr
    schema = pq.read_schema(tmp_path / "all.parquet")
    assert schema.field("value_sum").type == pa.decimal128(38, 6)
    assert schema.field("sma").type == pa.decimal128(38, 9)
    assert schema.field("as_of").type == pa.timestamp("ms", tz="UTC")
    frame = pl.read_parquet(tmp_path / "all.parquet")
    assert frame.schema == SERVED_SCHEMA | {"source": pl.String()}
    assert frame.select("customer", "metric", "average", "as_of", "value_sum", "event_count").rows() == SORTED
    assert frame["sma"].to_list() == [rounded(value_sum, count) for *_, value_sum, count in SORTED]


def test_a_selection_is_written_to_standard_output(export):
    ran = export(
        "-", "--customer", "acme", "--average", "hour", "--start", "2024-02-28", "--end", "2024-02-29", "--final"
    )
    assert (ran.returncode, ran.stderr) == (0, "2 rows written\n")
    of_that_day = [row for row in SORTED if row[0] == "acme" and row[3] < datetime(2024, 2, 29, tzinfo=UTC)]
    assert list(csv.DictReader(ran.stdout.splitlines())) == [expected(row) for row in of_that_day]


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_an_export_without_rows_has_the_columns(export, tmp_path, name):
    assert export(tmp_path / name, "--customer", "nobody").returncode == 0
    read = pl.read_csv if name.endswith("csv") else pl.read_parquet
    frame = read(tmp_path / name)
    assert (frame.height, frame.columns) == (0, list(SERVED_SCHEMA))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["averages.xlsx"], "averages.xlsx: its extension says neither CSV nor Parquet"),
        (["nowhere/averages.csv"], "nowhere/averages.csv cannot be written: No such file or directory"),
        (["a.csv", "--start", "soon"], "'soon' is no time"),
    ],
)
def test_a_mistake_is_one_line(export, arguments, message):
    ran = export(*arguments)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"sma: {message}")
    assert len(ran.stderr.splitlines()) == 1


def add_many(place):
    with connect(place.settings.owner_database_url.get_secret_value()) as owner:
        owner.execute(MANY.encode())


def test_many_days_are_all_exported(place, export, tmp_path):
    add_many(place)
    assert export(tmp_path / "many.parquet", "--metric", "heat", "--start", "2024-03-02").returncode == 0
    as_of = pl.read_parquet(tmp_path / "many.parquet", columns=["customer", "as_of"]).filter(customer="acme")["as_of"]
    assert as_of.len() == as_of.n_unique() == MANY_COUNT
    assert as_of.is_sorted()


def test_a_reader_that_has_had_enough_is_no_error(place):
    add_many(place)
    others = {name: value for name, value in of_a_process(place).items() if name in ("cwd", "env")}
    with subprocess.Popen(command("-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **others) as running:
        assert running.stdout.readline().startswith(b"customer,metric")
        running.stdout.close()
        assert (running.wait(60), running.stderr.read()) == (0, b"")


def test_a_killed_export_leaves_the_file_that_was_there(place, tmp_path):
    (tmp_path / "all.csv").write_text("before")
    with connect(place.settings.owner_database_url.get_secret_value()) as owner, owner.transaction():
        # the export waits here, in the middle of its work
        owner.execute("LOCK TABLE sma.batch_averages IN ACCESS EXCLUSIVE MODE")
        others = {name: value for name, value in of_a_process(place).items() if name in ("cwd", "env")}
        with subprocess.Popen(command(tmp_path / "all.csv"), **others) as running:
            wait_until(lambda: list(tmp_path.glob(".all.csv.*.partial")), running)
            os.kill(running.pid, signal.SIGKILL)
    assert (tmp_path / "all.csv").read_text() == "before"


def test_an_export_that_fails_leaves_nothing(place, export, tmp_path):
    add_rows(place, "streaming_averages", [("acme", "heat", "hour", FIRST + timedelta(days=9), ROWS[0][4], 1)])
    ran = export(tmp_path / "all.csv")
    assert ran.returncode == 1
    assert "38 decimal digits" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def wait_until(is_so, running):
    """Poll until something is so, while a process runs."""
    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while not is_so():
        assert running.poll() is None
        assert datetime.now(UTC) < deadline
