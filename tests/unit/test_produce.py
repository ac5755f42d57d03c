"""CSV rows as events: which record a row becomes, and how a bad one is named."""

import json

import pytest

from produce.csv_file import Layout, check_file, read_records
from produce.publish import closing_heartbeat_ms
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow

LAYOUT = Layout(time_column="timestamp", value_column="value", customer="acme", metric="temperature")


@pytest.fixture
def csv_file(tmp_path):
    def write(text: str):
        path = tmp_path / "readings.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def only_record(path, layout=LAYOUT):
    (record,) = read_records(path, layout)
    return record


def test_a_row_becomes_an_event_with_its_series_as_key(csv_file):
    record = only_record(csv_file("timestamp,value\n2013-01-01 10:00:00,12.5\n"))
    assert record.key == b"acme/temperature"
    assert record.event_time_ms == 1357034400000
    assert json.loads(record.value) == {
        "customer": "acme",
        "metric": "temperature",
        "event_time": 1357034400000,
        "value": "12.5",
    }


@pytest.mark.parametrize(
    ("cell", "time_format", "expected_ms"),
    [
        ("2013-01-01T10:00:00", None, 1357034400000),
        ("2013-01-01T10:00:00Z", None, 1357034400000),
        ("2013-01-01T05:00:00-05:00", None, 1357034400000),
        ("2013-01-01", None, 1356998400000),
        ("2013-01-01T10:00:00.1239", None, 1357034400123),
        ("1969-12-31T23:59:59.9999", None, -1),
        ("01/01/2013 10:00", "%d/%m/%Y %H:%M", 1357034400000),
        ("1357034400000", "epoch_ms", 1357034400000),
        ("1357034400", "epoch_s", 1357034400000),
    ],
)
def test_times_are_whole_milliseconds_and_utc_without_a_zone(csv_file, cell, time_format, expected_ms):
    layout = Layout(time_column="t", value_column="v", customer="c", metric="m", time_format=time_format)
    assert only_record(csv_file(f"t,v\n{cell},1\n"), layout).event_time_ms == expected_ms


def test_customer_and_metric_can_come_from_columns(csv_file):
    layout = Layout(time_column="t", value_column="v", customer_column="who", metric_column="what")
    record = only_record(csv_file("who,what,t,v\nä,press,2013-01-01,1\n"), layout)
    assert record.key == "ä/press".encode()


def test_rows_without_a_value_are_counted_when_they_may_be_skipped(csv_file):
    path = csv_file("timestamp,value\n2013-01-01,1\n2013-01-02,\n2013-01-03,NA\n")
    layout = Layout(time_column="timestamp", value_column="value", customer="c", metric="m", skip_missing=True)
    summary = check_file(path, layout)
    assert (summary.events, summary.missing) == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,reading\n2013-01-01,1\n", "no column 'value': the columns are timestamp, reading"),
        ("", "no column 'timestamp': the columns are (none)"),
        ("timestamp,value,value\n2013-01-01,1,2\n", "more than one column 'value'"),
        ("timestamp,value\n", "holds no event"),
        ("timestamp,value\n2013-01-01,1\nyesterday,1\n", "row 3: timestamp: 'yesterday' is no time"),
        ("timestamp,value\n2013-01-01,warm\n", "row 2: value: 'warm': not a number"),
        ("timestamp,value\n2013-01-01,1e12\n", "row 2: value: '1e12': out of range"),
        ("timestamp,value\n2013-01-01,\n", "row 2: value: '' is no number"),
        ("timestamp,value\n2013-01-01,1,2\n", "row 2: has 3 cells where the header has 2"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_place(csv_file, text, message):
    path = csv_file(text)
    with pytest.raises(SmaError) as error:
        check_file(path, LAYOUT)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SmaError, match=r"nowhere.csv: No such file"):
        check_file(tmp_path / "nowhere.csv", LAYOUT)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("timestamp,value\n2013-01-01,1°\n".encode("latin-1"))
    with pytest.raises(SmaError, match="not UTF-8"):
        check_file(path, LAYOUT)


def test_a_name_with_a_slash_is_refused(csv_file):
    layout = Layout(time_column="timestamp", value_column="value", customer="a/b", metric="m")
    with pytest.raises(SmaError, match=r"--customer: 'a/b': has a '/'"):
        check_file(csv_file("timestamp,value\n2013-01-01,1\n"), layout)


@pytest.mark.parametrize(
    ("windows", "last_as_of"),
    [
        # event at 7 ms; windows [0, 10) [5, 15) and [0, 20) ... the last one holding it ends at 25
        ([(DurationWindow(10), 5), (DurationWindow(20), 5)], 25),
        # the last 3 events are stated for it once: at the next grid point
        ([(CountWindow(3), 5)], 10),
        ([(CountWindow(3), 40), (DurationWindow(20), 5)], 40),
    ],
)
def test_the_closing_heartbeat_lets_the_last_window_of_every_average_close(windows, last_as_of):
    averages = tuple(Average(f"a{index}", *window) for index, window in enumerate(windows))
    assert closing_heartbeat_ms(Averages(3, 100, 0, averages), 7) - 3 == last_as_of
