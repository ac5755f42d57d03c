"""Values in CSV files: the text of exact numbers, in any dialect, by the rule that both layers share."""

import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from produce.csv_file import read_file
from produce.errors import BadCell
from produce.values import MISSING, ValueReader
from sma.errors import SmaError
from sma.event import Event, Rejected, read_record
from sma.value import parse_value_micros
from tests.support.csv_events import layout, read, refused, sent


def read_cells(*cells: str, **options):
    return ValueReader(layout(**options)).read(pl.Series(cells, dtype=pl.String))


def problem_of(*cells: str, **options) -> str:
    with pytest.raises(BadCell) as error:
        read_cells(*cells, **options)
    return error.value.problem


@pytest.mark.parametrize(
    "cell", ["1", "-1", "+1", "12.5", "0.000001", ".5", "5.", "1e3", "1E-3", "999999999999.999999"]
)
def test_a_number_is_published_as_it_is_written(cell):
    values = read_cells(cell)
    assert values.text.to_list() == [cell]
    assert values.rounded == 0


@pytest.mark.parametrize(
    ("cell", "is_rounded"),
    [
        ("1.0000001", True),
        ("1.0000000", False),
        ("1.12345600", False),
        ("1.12345650", True),
        ("12.300000000000001", True),
        ("1e-7", True),
        ("0e-7", False),
        ("1.5e-6", True),
        ("0.0000000000001e7", False),
        ("0.0000000000001e6", True),
        ("1e-99999999999999999999999", True),
    ],
)
def test_values_that_lose_digits_are_counted(cell, is_rounded):
    assert read_cells("1", cell, "2").rounded == is_rounded


@pytest.mark.parametrize(
    ("cell", "options", "text"),
    [
        ("12,5", {"decimal": ","}, "12.5"),
        ("1.013,25", {"decimal": ",", "thousands": "."}, "1013.25"),
        ("-1.234.567", {"decimal": ",", "thousands": "."}, "-1234567"),
        ("1234567,5", {"decimal": ",", "thousands": "."}, "1234567.5"),
        ("1 013,25", {"decimal": ",", "thousands": " "}, "1013.25"),
        ("1\u00a0013\u202f000,25", {"decimal": ",", "thousands": " "}, "1013000.25"),
        ("1,013.25", {"thousands": ","}, "1013.25"),
        ("1,5e3", {"decimal": ","}, "1.5e3"),
        (",5", {"decimal": ","}, ".5"),
    ],
)
def test_numbers_of_other_countries_are_read(cell, options, text):
    assert read_cells(cell, **options).text.to_list() == [text]


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("12.5", {"decimal": ","}),
        ("1.013,25", {"decimal": ","}),
        ("1.01,25", {"decimal": ",", "thousands": "."}),
        ("12.5", {"decimal": ",", "thousands": "."}),
        ("1013.25,0", {"decimal": ",", "thousands": "."}),
        ("1,013,25", {"decimal": ","}),
        ("1,5", {"thousands": ","}),
    ],
)
def test_a_number_of_another_country_is_refused(cell, options):
    assert problem_of(cell, **options).startswith(f"{cell!r}: not a number with --decimal")


def test_the_first_bad_cell_is_the_error():
    with pytest.raises(BadCell) as error:
        read_cells("1,5", "", "1.5", decimal=",")
    assert error.value.row == 1


NUMBERS = st.from_regex(r"[+-]?[0-9]{0,13}(\.[0-9]{0,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(NUMBERS | st.text("0123456789.eE+- ,nNaA", max_size=8), min_size=1, max_size=5))
def test_values_are_read_as_the_shared_rule_reads_them(cells):
    cells = [cell.strip() for cell in cells]
    for cell in cells:
        record = json.dumps({"customer": "c", "metric": "m", "event_time": 0, "value": cell}).encode()
        expected = read_record(b"c/m", record, 0, 0)
        try:
            values = read_cells(cell, skip_missing=True)
        except BadCell:
            assert isinstance(expected, Rejected)
            continue
        if values.text[0] is None:
            assert cell.lower() in MISSING
            continue
        assert isinstance(expected, Event)
        assert parse_value_micros(values.text[0]) == expected.value_micros
        assert values.rounded == (Decimal(cell) != Decimal(expected.value_micros).scaleb(-6))


NAMES = st.text(st.sampled_from('aé"\\/ \x7f\u2028😀'), max_size=4) | st.sampled_from(["x" * 128, "x" * 129, "é" * 128])
TIMES = st.sampled_from(["2024-06-03T10:00:00Z", "1960-01-01", "8999-12-31", "9000-01-01", "0000-12-31"])


@given(st.lists(st.tuples(NAMES, NAMES, TIMES, NUMBERS), min_size=1, max_size=3))
def test_every_record_is_an_event_for_the_readers(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "random.csv"
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path.write_text("\n".join(["customer,metric,timestamp,value", *lines]) + "\n", newline="")
    columns = {"customer": None, "customer_column": "customer", "metric": None, "metric_column": "metric"}
    try:
        events = read_file(path, layout(**columns, skip_missing=True))
    except SmaError:
        return
    with events:
        records = sent(events)
    kept = [row for row in rows if row[3].strip().lower() not in MISSING]
    assert len(records) == len(kept)
    for record, (customer, metric, _, value) in zip(records, kept, strict=True):
        event = read_record(record.key, record.value, record.fields["event_time"], 0)
        assert isinstance(event, Event)
        assert (event.customer, event.metric) == (customer.strip(), metric.strip())
        assert event.value_micros == parse_value_micros(value)


# dialects

SEMICOLONS = "\ufefftimestamp;value\r\n03.06.2024 10:00;12,5\r\n03.06.2024 10:15;1.013,25\r\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def test_a_file_of_another_country_is_read_with_its_options(path):
    options = {"delimiter": ";", "decimal": ",", "thousands": ".", "time_format": "%d.%m.%Y %H:%M"}
    with read(path, SEMICOLONS, **options) as events:
        assert [record.fields["value"] for record in sent(events)] == ["12.5", "1013.25"]


def test_a_missing_column_names_the_dialect_that_was_found(path):
    assert refused(path, SEMICOLONS).endswith(
        "the file looks separated by ';' with decimal commas and points between thousands: "
        "try --delimiter ';' --decimal , --thousands ."
    )
    text = SEMICOLONS.replace("1.013,25", "13,25")
    assert refused(path, text).endswith(
        "the file looks separated by ';' with decimal commas: try --delimiter ';' --decimal ,"
    )
    assert refused(path, "timestamp\tvalue\n2024-06-03\t1\n").endswith(
        "the file looks separated by tab: try --delimiter tab"
    )


def test_a_bad_value_names_the_dialect_that_was_found(path):
    text = "timestamp;value\n2024-06-03;12,5\n"
    assert refused(path, text, delimiter=";") == (
        "line 2: value: '12,5': not a number: the numbers look written with decimal commas: try --decimal ,"
    )


def test_a_file_that_is_what_the_options_say_gives_no_hint(path):
    assert refused(path, "timestamp,value\n2024-06-03,warm\n").endswith("'warm': not a number")
    assert refused(path, "timestamp,other\n2024-06-03,1\n").endswith("the columns are timestamp, other")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_read(path, delimiter):
    text = "timestamp,value,note\n2024-06-03,1,x\n".replace(",", delimiter)
    with read(path, text, delimiter=delimiter) as events:
        assert len(sent(events)) == 1


@pytest.mark.parametrize(
    "options",
    [{"delimiter": "."}, {"decimal": ";"}, {"thousands": "."}, {"thousands": "1"}, {"thousands": "ab"}],
)
def test_options_that_contradict_one_another_are_refused(options):
    with pytest.raises(SmaError, match="--(delimiter|decimal|thousands)"):
        layout(**options)
