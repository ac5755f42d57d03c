"""CSV rows as events: which record a row becomes, and how a bad one is named."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import produce.lines
from produce.csv_file import STANDARD_INPUT, read_file
from produce.publish import closing_heartbeat_ms
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow
from tests.support.csv_events import layout, read, refused, sent

GOOD = "timestamp,value\n2013-01-01,1\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def values_of(path, text, **options) -> list[str]:
    with read(path, text, **options) as events:
        return [record.fields["value"] for record in sent(events)]


def test_a_row_becomes_an_event_with_its_series_as_key(path):
    with read(path, "timestamp,value\n2013-01-01 10:00:00,12.5\n", metric="temperature") as events:
        (record,) = sent(events)
    assert record.key == b"acme/temperature"
    assert record.timestamp_ms == 1357034400000
    assert record.fields == {
        "customer": "acme",
        "metric": "temperature",
        "event_time": 1357034400000,
        "value": "12.5",
    }


def test_an_event_before_1970_has_the_timestamp_0(path):
    with read(path, "timestamp,value\n1960-01-01,1\n") as events:
        (record,) = sent(events)
    assert record.timestamp_ms == 0
    assert record.fields["event_time"] < 0


def test_customer_and_metric_can_come_from_columns(path):
    columns = {"customer": None, "customer_column": "who", "metric": None, "metric_column": "what"}
    with read(path, 'who,what,timestamp,value\nä,"pr""ess",2013-01-01,1\nb,x,2013-01-01,2\n', **columns) as events:
        first, second = sent(events)
    assert (first.key, second.key) == ('ä/pr"ess'.encode(), b"b/x")
    assert first.fields["metric"] == 'pr"ess'


def test_rows_without_a_value_are_counted_when_they_may_be_skipped(path):
    text = "timestamp,value\n2013-01-01,1\n2013-01-02,\n2013-01-03,NA\n"
    with read(path, text, skip_missing=True) as events:
        assert len(sent(events)) == 1
        assert events.missing == 2


@pytest.mark.parametrize("customer", [{}, {"customer": None, "customer_column": "who"}])
def test_a_block_without_any_value_is_skipped(path, monkeypatch, customer):
    monkeypatch.setattr(produce.lines, "BLOCK_BYTES", 40)
    rows = [f"2013-01-01,{number if number in (0, 19) else ''},x\n" for number in range(20)]
    text = "timestamp,value,who\n" + "".join(rows)
    assert values_of(path, text, skip_missing=True, **customer) == ["0", "19"]
    empty = "timestamp,value,who\n" + "".join(rows[1:19])
    assert refused(path, empty, skip_missing=True, **customer) == "holds no event"


@pytest.mark.parametrize("word", ["", "#N/A", "-", "N/A", "NULL", "NaN", "None", "nil", "--"])
def test_words_for_a_missing_value_are_skipped_only_when_asked(path, word):
    text = f"timestamp,value\n2013-01-01,{word}\n2013-01-02,1\n"
    assert values_of(path, text, skip_missing=True) == ["1"]
    assert refused(path, text) == f"line 2: value: {word!r} is no number: --skip-missing skips such rows"


def test_a_text_of_the_users_means_missing_even_if_it_is_a_number(path):
    text = "timestamp,value\n2013-01-01,-999\n2013-01-02,1\n"
    assert values_of(path, text, skip_missing=True, missing=("-999",)) == ["1"]
    assert values_of(path, text, skip_missing=True) == ["-999", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,reading\n2013-01-01,1\n", "line 1: no column 'value': the columns are timestamp, reading"),
        ("", "line 1: no column 'timestamp': the columns are (none)"),
        ("timestamp,value,value\n2013-01-01,1,2\n", "line 1: more than one column 'value'"),
        ("timestamp,value\n", "holds no event"),
        ("timestamp,value\n2013-01-01,1\nyesterday,1\n", "line 3: timestamp: 'yesterday' is no time"),
        ("timestamp,value\n2013-01-01,warm\n", "line 2: value: 'warm': not a number"),
        ("timestamp,value\n2013-01-01,1e12\n", "line 2: value: '1e12': out of range"),
        ("timestamp,value\n2013-01-01,\n", "line 2: value: '' is no number"),
        ("timestamp,value\n2013-01-01,1,2\n", "line 2: has 3 cells where the header has 2"),
        ("timestamp,value\n2013-01-01,1\n\n2013-01-01\n", "line 4: has 1 cells where the header has 2"),
        # of two bad rows the first one, whichever column it is in
        ("timestamp,value\nnever,1\n2013-01-01,warm\n", "line 2: timestamp: 'never'"),
        ("timestamp,value\n2013-01-01,warm\nnever,1\n", "line 2: value: 'warm'"),
        (GOOD.encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        ("timestamp,value\r2013-01-01,1\r", "line 1: a carriage return without a line feed"),
        ("timestamp,value\n2013-01-01,1\n2013-01-02,1°\n".encode("latin-1"), "line 3: not UTF-8 text"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_place(path, text, message):
    assert refused(path, text).startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SmaError, match=r"nowhere.csv: No such file"):
        read_file(tmp_path / "nowhere.csv", layout())


def test_a_name_with_a_slash_is_refused(path):
    assert refused(path, GOOD, customer="a/b") == "--customer: 'a/b': has a '/' or a control character"
    text = "timestamp,value,who\n2013-01-01,1,a\n2013-01-01,2,a/b\n"
    problem = refused(path, text, customer=None, customer_column="who")
    assert problem == "line 3: who: 'a/b': has a '/' or a control character"


def test_line_feeds_and_a_byte_order_mark_may_be_of_any_kind(path):
    text = b"\xef\xbb\xbftimestamp,value\r\n2013-01-01,1\n\r\n2013-01-02,2\r\n2013-01-03,3"
    assert values_of(path, text) == ["1", "2", "3"]


def test_blank_lines_and_blocks_keep_the_line_numbers(path, monkeypatch):
    monkeypatch.setattr(produce.lines, "BLOCK_BYTES", 64)
    rows = "".join(f"2013-01-01,{number}\n\n" for number in range(50))
    assert values_of(path, f"timestamp,value\n{rows}") == [str(number) for number in range(50)]
    assert refused(path, f"timestamp,value\n{rows}2013-01-01,warm\n").startswith("line 102: value: 'warm'")


def test_standard_input_and_pipes_are_read_once(path, monkeypatch):
    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise io.UnsupportedOperation("a pipe cannot be read again")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(GOOD.encode())))
    with read_file(STANDARD_INPUT, layout()) as events:
        assert len(sent(events)) == 1


def test_what_was_checked_is_what_is_published(path):
    with read(path, GOOD) as events:
        path.write_text("timestamp,value\n2013-01-01,9\n2013-01-02,warm\n")
        assert [record.fields["value"] for record in sent(events)] == ["1"]


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


# wide files: one metric a column

WIDE = {"metric": None, "value_columns": ("temp", "humidity")}


def test_each_value_column_of_a_wide_file_is_a_metric(path):
    text = "timestamp,temp,note,humidity\n2013-01-01,1,x,10\n2013-01-02,2,y,20\n"
    with read(path, text, **WIDE) as events:
        records = sent(events)
    assert [record.key for record in records] == [b"acme/temp", b"acme/humidity"] * 2
    assert [record.fields["value"] for record in records] == ["1", "10", "2", "20"]


def test_a_star_is_every_column_but_those_of_time_and_customer(path):
    text = "who,timestamp,a,b\nx,2013-01-01,1,2\n"
    options = {"customer": None, "customer_column": "who", "metric": None, "value_columns": ("*",)}
    with read(path, text, **options) as events:
        assert [record.key for record in sent(events)] == [b"x/a", b"x/b"]


def test_empty_cells_of_a_wide_row_are_skipped_one_by_one(path):
    text = "timestamp,temp,humidity\n2013-01-01,,10\n2013-01-02,,\n2013-01-03,3,30\n"
    with read(path, text, **WIDE, skip_missing=True) as events:
        assert [(record.key, record.fields["value"]) for record in sent(events)] == [
            (b"acme/humidity", "10"),
            (b"acme/temp", "3"),
            (b"acme/humidity", "30"),
        ]
        assert events.missing == 3
    assert refused(path, text, **WIDE).startswith("line 2: temp: '' is no number")


def test_the_first_bad_cell_of_a_wide_file_is_named(path):
    text = "timestamp,temp,humidity\n2013-01-01,1,wet\n2013-01-02,warm,2\n"
    assert refused(path, text, **WIDE).startswith("line 2: humidity: 'wet': not a number")


@pytest.mark.parametrize(
    "options",
    [
        {"value_columns": ("a", "b")},
        {"value_columns": ("*",)},
        {"value_columns": ("a", "b"), "metric": None, "metric_column": "m"},
    ],
)
def test_a_wide_file_has_no_other_metric(options):
    with pytest.raises(SmaError, match="leave out --metric and --metric-column"):
        layout(**options)


def test_a_star_needs_a_column_of_values(path):
    problem = refused(path, "timestamp\n2013-01-01\n", metric=None, value_columns=("*",))
    assert problem.startswith("line 1: no column but those of the time and the customer")


def test_a_column_name_that_cannot_be_a_metric_is_refused(path: Path):
    text = "timestamp,m/s\n2013-01-01,1\n"
    assert "'m/s': has a '/'" in refused(path, text, metric=None, value_columns=("*",))
