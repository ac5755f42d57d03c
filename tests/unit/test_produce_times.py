"""Times in CSV files: whole milliseconds, exact, and no time that could be another."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from produce.errors import BadCell
from produce.times import TimeReader
from sma.errors import SmaError
from tests.support.csv_events import layout, read, sent

BERLIN = {"time_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_cells(*cells: str, **options) -> list[int]:
    return TimeReader(layout(**options)).read(pl.Series(cells, dtype=pl.String)).event_time_ms.tolist()


def problem_of(cell: str, **options) -> str:
    with pytest.raises(BadCell) as error:
        read_cells(cell, **options)
    return error.value.problem


def utc_ms(*fields: int) -> int:
    return (datetime(*fields, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("cell", "time_format", "expected_ms"),
    [
        ("2013-01-01T10:00:00", None, 1357034400000),
        ("2013-01-01T10:00:00Z", None, 1357034400000),
        ("2013-01-01T05:00:00-05:00", None, 1357034400000),
        ("2013-01-01 15:30:00 +0530", None, 1357034400000),
        ("2013-01-01 10:00:00 UTC", None, 1357034400000),
        ("2013-01-01T11:00+01", None, 1357034400000),
        ("2013-01-01", None, 1356998400000),
        ("20130101", None, 1356998400000),
        ("2013-W01-2", None, 1356998400000),
        ("20130101T100000Z", None, 1357034400000),
        ("2013-01-01T10:00:00.1239", None, 1357034400123),
        ("2013-01-01T10:00:00,1239", None, 1357034400123),
        ("2013-01-01T10:00:00.123999999999", None, 1357034400123),
        ("1969-12-31T23:59:59.9999", None, -1),
        ("0001-01-01T00:00:00Z", None, -62135596800000),
        ("8999-12-31T23:59:59.999Z", None, 221845391999999),
        ("1700-02-28", None, utc_ms(1700, 2, 28)),
        ("01/01/2013 10:00", "%d/%m/%Y %H:%M", 1357034400000),
        ("1/1/2013 9:05", "%d/%m/%Y %H:%M", 1357031100000),
        ("1 Jan 2013 10:00 AM", "%d %b %Y %I:%M %p", 1357034400000),
        ("20130101100000", "%Y%m%d%H%M%S", 1357034400000),
        ("2013-01-01 11:00:00.5+0100", "%Y-%m-%d %H:%M:%S.%f%z", 1357034400500),
        ("2013 001", "%Y %j", 1356998400000),
        ("1357034400000", "epoch_ms", 1357034400000),
        ("1357034400", "epoch_s", 1357034400000),
        ("1357034400.1239", "epoch_s", 1357034400123),
        ("1357034400123.9", "epoch_ms", 1357034400123),
        ("1357034400123999", "epoch_us", 1357034400123),
        ("1357034400123999999", "epoch_ns", 1357034400123),
        ("-0.0001", "epoch_s", -1),
        ("-1", "epoch_ns", -1),
        ("-1000000", "epoch_ns", -1),
        ("7", "epoch_us", 0),
        ("0", "epoch_s", 0),
        ("12.", "epoch_s", 12000),
    ],
)
def test_times_are_whole_milliseconds_and_utc_without_a_zone(cell, time_format, expected_ms):
    assert read_cells(cell, time_format=time_format) == [expected_ms]
    assert read_cells("2013-01-01" if time_format is None else cell, cell, time_format=time_format)[1] == expected_ms


@pytest.mark.parametrize(
    "cell",
    [
        "2013-02-29",
        "2013-13-01",
        "2013-00-01",
        "2013-01-00",
        "2013-01-01T25:00",
        "2013-01-01T10:60",
        "2013-01-01T24:01",
        "2013-01-01T24:00:00.0001",
        "2013-01-01x10:00",
        "2013-01-01T10:00+24:00",
        "10:00",
        "1",
        "",
        "2013-1-1",
        "１２３４-01-01",
    ],
)
def test_what_is_no_time_is_refused(cell):
    assert problem_of(cell).startswith(f"{cell!r} is no time in the format ISO 8601")


@pytest.mark.parametrize("cell", ["9000-01-01", "0000-01-01", "0001-01-01T00:00:00+01:00"])
def test_years_are_1_to_8999(cell):
    assert problem_of(cell) == f"{cell!r} is out of range: years 1 to 8999"


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("1357034400", "epoch_s"),
        ("1357034400.5", "epoch_s"),
        ("1357034400000", "epoch_ms"),  # datetime.fromisoformat takes it for a date of the year 1357
        ("1758000000000", "epoch_ms"),
        ("1357034400000000", "epoch_us"),
        ("1357034400000000000", "epoch_ns"),
    ],
)
def test_digits_are_not_taken_for_a_date(cell, unit):
    assert problem_of(cell).endswith(f": try --time-format {unit}")


def test_a_unit_that_is_too_large_is_refused_with_the_right_one():
    problem = problem_of("1357034400000", time_format="epoch_s")
    assert problem == "'1357034400000' is out of range: years 1 to 8999: try --time-format epoch_ms"
    assert problem_of("1357034400000000", time_format="epoch_s").endswith(": try --time-format epoch_us")


def test_24_00_is_the_midnight_that_ends_the_day():
    assert read_cells("2013-12-31T24:00", "2013-12-31 24:00:00.000Z") == [utc_ms(2014, 1, 1)] * 2
    assert read_cells("31.12.2013 24:00", time_format="%d.%m.%Y %H:%M") == [utc_ms(2014, 1, 1)]


def test_a_leap_second_is_the_instant_after_it():
    assert read_cells("2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00") == [utc_ms(2017, 1, 1)] * 2
    assert read_cells("2017-01-01 00:59:60", time_zone="Europe/Berlin") == [utc_ms(2017, 1, 1)]
    assert "is no time" in problem_of("2016-12-31T12:30:60Z")
    assert "is no time" in problem_of("2016-12-31T23:59:60+01:00")


@pytest.mark.parametrize(
    ("time_format", "problem"),
    [
        ("%Y-%m-%d %H:%M %Z", "%Z is refused, since a name such as EST means another zone on another machine: use %z"),
        ("%H:%M:%S", "has no day"),
        ("%d %H:%M", "has no day"),
        ("%m/%d %H:%M", "has no day"),
        ("%Y-%m %H:%M", "has no day"),
        ("%Y-%m-%d %I:%M", "%I is an hour of 12"),
        ("%Y-%m-%d %Q", "'Q' is a bad directive"),
        ("epoch", "is no format"),
    ],
)
def test_a_format_without_an_instant_is_refused(time_format, problem):
    with pytest.raises(SmaError, match=f"--time-format: .*{re.escape(problem)}"):
        TimeReader(layout(time_format=time_format))


def test_a_zone_that_is_none_is_refused():
    with pytest.raises(SmaError, match="--time-zone: 'Berlin' is no time zone: give a name such as Europe/Berlin"):
        TimeReader(layout(time_zone="Berlin"))


# time zones


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def instants(path, cells: list[str], **options) -> list[str]:
    text = "timestamp,value\n" + "".join(f"{cell},1\n" for cell in cells)
    with read(path, text, **options) as events:
        return [(EPOCH + timedelta(milliseconds=at.timestamp_ms)).strftime("%H:%M") for at in sent(events)]


def test_the_repeated_hour_is_taken_by_file_order(path):
    clock = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    cells = [f"27.10.2024 {at}" for at in clock]
    assert instants(path, cells, **BERLIN) == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_one_row_in_each_pass_is_taken_by_file_order(path):
    cells = [f"27.10.2024 {at}" for at in ("01:00", "02:00", "02:00", "03:00")]
    assert instants(path, cells, **BERLIN) == ["23:00", "00:00", "01:00", "02:00"]


@pytest.mark.parametrize(
    "clock",
    [
        ["01:30", "02:00", "02:30", "03:00"],  # one pass
        ["03:00", "02:30", "02:00", "02:30", "02:00", "01:30"],  # newest first
        ["03:00", "02:00", "02:00", "01:00"],
        ["02:30", "02:00"],
        ["02:00"],
        ["01:30", "02:30", "02:00", "02:30", "02:00", "03:00"],  # two steps back
    ],
)
def test_a_repeated_hour_without_an_order_is_refused_by_line(path, clock):
    line = min(number for number, at in enumerate(clock, start=2) if at.startswith("02"))
    with pytest.raises(SmaError) as error:
        instants(path, [f"27.10.2024 {at}" for at in clock], **BERLIN)
    problem = str(error.value).removeprefix(f"{path}: ")
    assert problem.startswith(f"line {line}: timestamp: 2024-10-27 02:")
    assert problem.endswith("sort each series by time, or give offsets (+02:00 or +01:00)")


def test_each_series_has_its_own_order_across_blocks(path, monkeypatch):
    monkeypatch.setattr("produce.lines.BLOCK_BYTES", 100)
    clock = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    rows = "".join(f"27.10.2024 {at},1,{who}\n" for at in clock for who in "abc")
    options = BERLIN | {"customer": None, "customer_column": "who"}
    with read(path, f"timestamp,value,who\n{rows}", **options) as events:
        times = {who: [at.timestamp_ms for at in sent(events) if at.key == f"{who}/m".encode()] for who in "abc"}
    half_hours = [utc_ms(2024, 10, 26, 23, 30) + number * 1_800_000 for number in range(6)]
    assert times == dict.fromkeys("abc", half_hours)


def test_a_time_that_the_clocks_skip_is_refused_by_line(path):
    with pytest.raises(SmaError, match=r"line 3: timestamp: '31.03.2024 02:30' does not exist in Europe/Berlin"):
        instants(path, ["31.03.2024 01:30", "31.03.2024 02:30"], **BERLIN)


def test_times_with_an_offset_do_not_take_the_zone(path):
    cells = ["2024-10-27T02:30+01:00", "2024-10-27T00:30Z", "2024-10-27 04:30"]
    assert instants(path, cells, time_zone="Europe/Berlin") == ["01:30", "00:30", "03:30"]


# the fast way and the plain one

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]


@given(
    local=st.datetimes(datetime(1, 1, 2), datetime(8999, 12, 30)),  # noqa: DTZ001
    zone=st.sampled_from(ZONES),
    form=st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M"]),
)
def test_local_times_are_those_of_zoneinfo(local, zone, form):
    text = local.strftime(form).rjust(len(datetime(2000, 1, 1).strftime(form)), "0")  # noqa: DTZ001
    shown = datetime.fromisoformat(text)
    first, second = (shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    try:
        times = TimeReader(layout(time_zone=zone)).read(pl.Series([text]))
    except BadCell:
        assert first > second  # skipped
        return
    assert times.event_time_ms[0] == (first - EPOCH) // timedelta(milliseconds=1)
    assert times.repeated_ms[0] == (second - first) // timedelta(milliseconds=1)


@given(
    whole=st.integers(-(10**19), 10**19),
    fraction=st.text("0123456789", max_size=9),
    unit=st.sampled_from(
        [("epoch_s", 10**3), ("epoch_ms", 1), ("epoch_us", Fraction("1e-3")), ("epoch_ns", Fraction("1e-6"))]
    ),
)
def test_epoch_times_are_exact(whole, fraction, unit):
    text = f"{whole}.{fraction}" if fraction else str(whole)
    expected_ms = floor(Fraction(text) * unit[1])
    try:
        assert read_cells(text, time_format=unit[0]) == [expected_ms]
    except BadCell:
        assert not -62135596800000 <= expected_ms < 221845392000000


FORMATS = [
    "%d %b %Y %H:%M",
    "%d/%m/%y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y%m%d%H%M%S",
    "%b %d %y",
    "%d.%m.%Y %H:%M:%S.%f",
]


@given(
    time_format=st.sampled_from(FORMATS),
    local=st.datetimes(datetime(1000, 1, 1), datetime(8999, 12, 30)),  # noqa: DTZ001
    changed=st.none() | st.tuples(st.integers(0, 20), st.sampled_from("0123456789 PAx")),
)
@example("%m/%d/%Y %I:%M:%S %p", datetime(2000, 1, 1), (6, "9"))  # noqa: DTZ001 - a year that is out of range
def test_a_format_is_read_as_strptime_reads_it(time_format, local, changed):
    text = local.strftime(time_format)
    if changed:
        text = f"{text[: changed[0]]}{changed[1]}{text[changed[0] + 1 :]}".strip()
    try:
        expected = datetime.strptime(text, time_format).replace(tzinfo=UTC)
    except ValueError:
        expected = None
    try:
        (time_ms,) = read_cells(text, time_format=time_format)
    except BadCell:
        assert expected is None or expected.year > 8999
        return
    if expected is None:
        assert "24" in text or "60" in text  # 24:00 and leap seconds
        return
    assert time_ms == (expected - EPOCH) // timedelta(milliseconds=1)


@given(st.text(st.sampled_from("0123456789-:T .,+ZW"), max_size=30))
def test_no_text_is_read_otherwise_than_python_reads_it(text):
    try:
        (time_ms,) = read_cells(text)
    except BadCell:
        return
    if "24:" in text or ":60" in text or "UTC" in text or " +" in text or " -" in text or " Z" in text:
        return
    parsed = datetime.fromisoformat(text)
    assert time_ms == ((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - EPOCH) // timedelta(milliseconds=1)
