"""Served rows read into a frame: `sma.read` against what was stored and `decimal`, to the last digit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import sma
from database.customers import add_customer
from reader import served
from reader.selection import Selection
from reader.served import SERVED_SCHEMA, served_blocks
from reader.session import session
from reader.stream import EmittedRow
from sma.errors import SmaError
from tests.support.served import add_definitions, add_rows, rounded

LARGEST = Decimal("99999999999999999999999999999999.999999")  # 38 digits
SMALLEST_STEP = Decimal("0.000001")


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2024, 2, 27, hour, minute, tzinfo=UTC) + timedelta(days=day)


BATCH = [
    ("acme", "heat", "hour", at(1), LARGEST, 10**12),
    ("acme", "heat", "hour", at(1, 13), LARGEST.copy_negate(), 10**12 - 1),
    ("acme", "heat", "hour", at(2, 0), Decimal("0.000001"), 3),
    ("acme", "heat", "hour", at(2), Decimal("-0.000001"), 2000),  # a tie: -0.0000000005 is rounded to -0.000000001
    ("acme", "heat", "last_20", at(2), Decimal("0.000001"), 2000),  # ... and so is the positive one, away from zero
    ('a,"b" ', "he;at", "last_20", at(3, 0), Decimal("-7"), 20),
    (" a", "'t'", "hour", at(3), Decimal("0"), 1),
    ("ä€😀", "\\.", "hour", at(3, 23, 59), Decimal("999999999999.999999"), 1),
]
STREAM = [
    ("acme", "heat", "hour", at(1), Decimal("5"), 1),  # has a batch result
    ("acme", "heat", "hour", at(5), Decimal("-20"), 3),
    ("acme", "heat", "last_20", at(5), Decimal("20.5"), 20),
    ("acme", "cold", "last_20", at(400), Decimal("1"), 19),
]


@pytest.fixture
def place(own_database):
    add_definitions(own_database)
    add_rows(own_database, "batch_averages", BATCH)
    add_rows(own_database, "streaming_averages", STREAM)
    return own_database


@pytest.fixture
def url(place):
    return place.settings.database_url.get_secret_value()


def expected_rows():
    """What readers should see, in the order of a frame, by the rules of docs/serving.md."""
    rows = []
    for source, stored in (("batch", BATCH), ("stream", STREAM[1:])):
        for customer, metric, average, as_of, value_sum, event_count in stored:
            is_full = average == "hour" or event_count >= 20
            is_final = source == "batch" and average == "hour" and as_of.date() == date(2024, 2, 28)
            mean = rounded(value_sum, event_count)
            rows.append((customer, metric, average, as_of, value_sum, event_count, is_full, mean, source, is_final))
    return sorted(rows, key=lambda row: (*(name.encode() for name in row[:3]), row[3]))


def test_every_row_is_read_as_it_is_stored_and_divided(url):
    frame = sma.read(database_url=url)
    assert frame.schema == SERVED_SCHEMA
    assert frame.rows() == expected_rows()


def test_no_column_is_a_float(url):
    assert not any(dtype.is_float() for dtype in sma.read(database_url=url).dtypes)


def test_a_tie_is_rounded_away_from_zero(url):
    ties = sma.read("acme", "heat", start=at(2), end=at(2, 13), database_url=url)["sma"].to_list()
    assert ties == [Decimal("-0.000000001"), Decimal("0.000000001")]


@pytest.mark.parametrize(
    ("arguments", "selects"),
    [
        ({"customer": "acme"}, lambda row: row[0] == "acme"),
        ({"metric": "heat"}, lambda row: row[1] == "heat"),
        ({"average": "hour"}, lambda row: row[2] == "hour"),
        ({"start": "2024-02-29"}, lambda row: row[3] >= at(2, 0)),
        ({"start": date(2024, 2, 29)}, lambda row: row[3] >= at(2, 0)),
        ({"end": "2024-02-29T01:00+01:00"}, lambda row: row[3] < at(2, 0)),
        ({"start": datetime(2024, 2, 29, 12), "end": at(5)}, lambda row: at(2) <= row[3] < at(5)),  # noqa: DTZ001
        ({"final": True}, lambda row: row[9]),
        ({"customer": "nobody"}, lambda row: False),
        (
            {"customer": "acme", "metric": "heat", "average": "hour", "start": "2024-02-28", "end": "2024-02-29"},
            lambda row: row[:3] == ("acme", "heat", "hour") and row[3] < at(2, 0),
        ),
    ],
)
def test_a_selection_gets_its_rows_only(url, arguments, selects):
    frame = sma.read(**arguments, database_url=url)
    assert frame.schema == SERVED_SCHEMA
    assert frame.rows() == [row for row in expected_rows() if selects(row)]


def test_without_a_url_the_settings_say_where_the_database_is(place, monkeypatch):
    monkeypatch.setattr("reader.read.load_settings", lambda: place.settings)
    assert sma.read("acme", "cold").height == 1


def test_a_customer_reads_its_own_rows(place):
    access = add_customer(place.settings.owner_database_url.get_secret_value(), "acme")
    assert sma.read(database_url=access.url).rows() == [row for row in expected_rows() if row[0] == "acme"]
    assert sma.read("ä€😀", database_url=access.url).height == 0


def test_blocks_have_the_same_rows_sorted_by_time(place, monkeypatch):
    monkeypatch.setattr(served, "BLOCK_BYTES", 100)  # a row or two
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        blocks = list(served_blocks(connection, Selection()))
    assert len(blocks) > len(BATCH) / 2
    expected = sorted(expected_rows(), key=lambda row: (row[3], *(name.encode() for name in row[:3])))
    assert pl.concat(blocks).rows() == expected


def test_centuries_without_rows_take_no_queries(place, monkeypatch):
    add_rows(place, "streaming_averages", [("acme", "heat", "hour", at(-80_000), Decimal(1), 1)])
    queries = []
    copied = served._copied
    monkeypatch.setattr(served, "_copied", lambda *arguments: queries.append(arguments) or copied(*arguments))
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        rows = sum(block.height for block in served_blocks(connection, Selection()))
    assert rows == len(expected_rows()) + 1
    assert len(queries) <= rows  # none was without rows


def test_blocks_of_a_reader_are_those_of_one_moment(place):
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        blocks = served_blocks(connection, Selection(customer="acme"))
        first = next(blocks)
        add_rows(place, "streaming_averages", [("acme", "heat", "hour", at(6), Decimal(1), 1)])
        read = first.height + sum(block.height for block in blocks)
    assert read == sum(row[0] == "acme" for row in expected_rows())


def test_a_reader_cannot_write(place):
    with (
        pytest.raises(SmaError, match="read-only transaction"),
        session(place.settings.owner_database_url, "SMA_OWNER_DATABASE_URL") as connection,
    ):
        connection.execute("DELETE FROM sma.averages")


def test_an_average_of_more_digits_than_a_decimal_has_is_an_error_and_not_rounded(place, url):
    add_rows(place, "streaming_averages", [("acme", "heat", "hour", at(7), LARGEST, 1)])
    with pytest.raises(SmaError, match="38 decimal digits"):
        sma.read(database_url=url)


def test_a_query_of_one_week_reads_the_chunks_of_that_week_only(place):
    statement = served.sql.SQL(served._SQL["copy_rows"]).format(
        view=served.sql.Identifier("serving", "moving_averages"),
        customer=served.sql.Literal("acme"),
        metric=served.sql.Literal(None),
        average=served.sql.Literal("hour"),
        from_time=served.sql.Literal(at(1)),
        until_time=served.sql.Literal(at(2)),
        is_final_only=served.sql.Literal(False),
        order=served._BY_TIME,
    )
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        query = statement.as_string(connection).split("COPY (")[1].rsplit(")\nTO STDOUT")[0]
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}").fetchall())
        chunks = connection.execute(
            "SELECT chunk_name FROM timescaledb_information.chunks"
            " WHERE range_end <= %(start)s OR range_start >= %(end)s",
            {"start": at(1), "end": at(2)},
        ).fetchall()
    assert chunks
    assert [name for (name,) in chunks if f"{name} " in plan] == []
    assert "OR" not in plan  # a name that is not given leaves no condition


def test_an_empty_range_is_refused():
    with pytest.raises(SmaError, match="from 2024-02-29 to 2024-02-29 is empty"):
        sma.read(start="2024-02-29", end="2024-02-29", database_url="postgresql://127.0.0.1:1/none")


@pytest.mark.parametrize("value_sum", [Decimal("0.000001"), Decimal("-0.000001"), LARGEST, Decimal("-7"), Decimal(0)])
@pytest.mark.parametrize("event_count", [1, 3, 2000, 10**12 - 1])
def test_an_average_of_the_topic_is_that_of_the_database(place, value_sum, event_count):
    micros = int(f"{value_sum:.6f}".replace(".", ""))
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        (average,) = connection.execute("SELECT serving.average(%s, %s)", (value_sum, event_count)).fetchone()
    assert EmittedRow("acme", "heat", "hour", 0, micros, event_count, True, 0).sma == average
