"""Quotes in CSV files: no row is swallowed, and what is accepted is what Python's csv module reads."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

import produce.lines
from produce.lines import CsvLines
from sma.errors import SmaError
from tests.support.csv_events import read, refused, sent

ROWS = [f"2024-06-03T10:0{minute}:00Z,{minute + 1},ok" for minute in range(10)]


def file_with(**changed: str) -> str:
    """Ten rows; `row3='"door open'` changes the note of the third."""
    rows = [row.replace("ok", changed.get(f"row{number}", "ok")) for number, row in enumerate(ROWS, start=1)]
    return "\n".join(["timestamp,value,note", *rows]) + "\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def test_a_quote_that_closes_some_rows_further_on_swallows_none(path):
    problem = refused(path, file_with(row3='"door open', row7='door shut"'))
    assert problem.startswith("line 4: note: a quote is opened and not closed in this line: close it")
    assert "--multiline" in problem


def test_a_quote_that_is_never_closed_swallows_no_rest_of_the_file(path):
    assert refused(path, file_with(row5='"cut')).startswith("line 6: note: a quote is opened and not closed")
    assert refused(path, file_with(row5='"cut'), multiline=True).startswith(
        "line 6: note: a quote is opened and never closed"
    )


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ('5" pipe', "a quote inside an unquoted cell"),
        ('5"" pipe', "a quote inside an unquoted cell"),
        ('"door" open', "text behind a closing quote"),
        (' "door"', "a quote inside an unquoted cell"),
        ('"a "b" c"', "text behind a closing quote"),
        ('"""', "a quote is opened and not closed"),
        ('"a""', "a quote is opened and not closed"),
    ],
)
@pytest.mark.parametrize("multiline", [False, True])
def test_a_stray_quote_is_refused_with_its_line_and_column(path, note, problem, multiline):
    text = file_with(row2=note)
    found = refused(path, text, multiline=multiline)
    if multiline:
        problem = problem.replace("and not closed", "and never closed")
    assert found.startswith(f"line 3: note: {problem}")


@pytest.mark.parametrize("note", ['""', '"a,b"', '"say ""no"""', '""""', '"",""'.replace(",", ";")])
def test_quoted_cells_are_read(path, note):
    text = file_with(row2=note) if note != '"";""' else file_with(row2='";"')
    with read(path, text) as events:
        assert len(sent(events)) == 10


def test_line_breaks_within_quotes_are_read_where_they_are_allowed_and_lines_stay_physical(path):
    text = file_with(row3='"door\nopen\r\n"')
    with read(path, text, multiline=True) as events:
        assert len(sent(events)) == 10
    assert refused(path, text).startswith("line 4: note: a quote is opened")
    # row 9 is in line 10, and two line breaks are before it
    bad = text.replace(",9,", ",warm,")
    assert refused(path, bad, multiline=True).startswith("line 12: value: 'warm'")


def test_a_quote_in_the_header_is_checked_too(path):
    assert refused(path, 'timestamp,value,"note\n2024-06-03,1,x\n').startswith("line 1: ")


def test_a_quoted_cell_longer_than_a_block_is_refused(path, monkeypatch):
    monkeypatch.setattr(produce.lines, "BLOCK_BYTES", 100)
    text = file_with(row3='"' + "x\n" * 300 + '"')
    assert "never closed" in refused(path, text, multiline=True)


CELLS = st.text(st.sampled_from('ab,;"\n \r'), max_size=6)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    block_bytes=st.sampled_from([16, 64, 1 << 20]),
)
def test_whatever_is_written_as_csv_is_cut_into_the_same_records(rows, block_bytes):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("x", "y"), *rows])
    text = written.getvalue().encode()
    if max(map(len, (",".join(row) for row in rows))) * 2 + 8 > block_bytes:
        block_bytes = 1 << 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(produce.lines, "BLOCK_BYTES", block_bytes)
        lines = CsvLines(io.BytesIO(text), "file", ",", multiline=True)
        blocks = list(lines.blocks())
    read_back = [
        tuple(row) for block in blocks for row in csv.reader(io.StringIO(block.text.decode(), newline=""), strict=True)
    ]
    assert lines.header == ("x", "y")
    assert read_back == [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows]


@given(st.text(st.sampled_from('a,"\n'), max_size=30))
def test_no_text_is_read_otherwise_than_the_csv_module_reads_it(text):
    text = f"x,y\n{text}\n"
    try:
        blocks = list(CsvLines(io.BytesIO(text.encode()), "file", ",", multiline=True).blocks())
    except SmaError:
        return
    records = [row for block in blocks for row in csv.reader(io.StringIO(block.text.decode(), newline=""), strict=True)]
    strict = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    assert records == strict[1:]
    assert sum(len(block.lines) for block in blocks) == len(records)


NOTES = st.text(st.sampled_from('ab,;"\n \r\\#é'), max_size=6)


@given(notes=st.lists(NOTES, min_size=1, max_size=8), names=st.lists(st.sampled_from(['a"b', "c,d", "e"]), min_size=8))
def test_no_row_moves_whatever_the_cells_next_to_it_contain(tmp_path_factory, notes, names):
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["note", "who", "timestamp", "rest", "value"])
    for number, note in enumerate(notes):
        writer.writerow([note, names[number], "2024-06-03", note, number])
    path = tmp_path_factory.getbasetemp() / "notes.csv"
    try:
        events = read(path, written.getvalue(), multiline=True, customer=None, customer_column="who")
    except SmaError as error:
        assert "carriage return" in str(error)
        return
    with events:
        records = sent(events)
    assert [record.fields["value"] for record in records] == [str(number) for number in range(len(notes))]
    assert [record.fields["customer"] for record in records] == names[: len(notes)]


def test_many_rows_with_line_breaks_are_all_read(path):
    rows = "".join(f'2024-06-03,{number},"x\n{"y" * (number % 7)}\n,,"\n' for number in range(60_000))
    with read(path, f"timestamp,value,note\n{rows}", multiline=True) as events:
        assert [record.fields["value"] for record in sent(events)] == [str(number) for number in range(60_000)]
