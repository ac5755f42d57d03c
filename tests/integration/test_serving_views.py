"""The views that reports read, on the real database: their columns, and what they say of two layers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from database.customers import add_customer
from database.migrate import connect
from tests.support.places import Place

COLUMNS = {
    "series": "series customer metric series_key customer_key series_label customer_label metric_label newest_event",
    "averages": "average window_events window_seconds every_seconds description window_order offset_seconds",
    "calendar": "date year quarter month month_name iso_week day weekday weekday_name",
    "facts": "series customer metric average date as_of sma value_sum event_count is_full source is_final instant"
    " series_key",
    "live": "series customer metric average date as_of sma value_sum event_count is_full source is_final instant"
    " series_key",
    "differences": "series customer metric average date as_of class is_explained late_event_count"
    " stream_sma batch_sma instant series_key",
    "data_age": "customer newest_window_closed newest_streamed newest_reconciled"
    " window_closed_age_seconds streamed_age_seconds reconciled_age_seconds customer_key",
    "quality": "customer average date reconciled_at changed missing_in_stream extra_in_stream explained unexplained"
    " customer_key",
}
ROWS = """
    INSERT INTO sma.averages (name, window_events, every_ms, description)
    VALUES ('last_20', 20, 60000, 'last 20 events, every 1 minute');
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    VALUES ('2024-02-28', 'last_20', '{}', '2024-02-29 00:00+00', 1, 'a');
    INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count, written_at)
    VALUES ('acme', 'heat', 'last_20', '2024-02-28 23:59+00', 10, 3, '2024-03-02 00:00+00');
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    VALUES
        ('acme', 'heat', 'last_20', '2024-02-28 23:59+00', 8, 2),
        ('acme', 'heat', 'last_20', '2024-03-01 00:00+00', 5, 20);
    INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms)
    VALUES (0, 'acme', 'heat', 1709251199250);  -- 2024-02-29 23:59:59.25
    INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
    VALUES (0, 'acme', 'heat', '2024-02-28', 3, 9), (0, 'quiet', 'heat', '2024-02-28', 3, 9);
    INSERT INTO sma.reconciliations
    VALUES ('a', '2024-02-28', 'last_20', 1, 0, 1, 0, 0, 1, 0, '{}', 1, '2024-03-03 00:00+00');
    INSERT INTO sma.differences
    VALUES ('a', 'acme', 'heat', 'last_20', '2024-02-28 23:59+00', 'changed', true, 1, 8, 2, 10, 3);
"""


def utc(*parts: int) -> datetime:
    """A time as the views say it: UTC, without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture
def owner(own_database: Place) -> Iterator[psycopg.Connection]:
    with connect(own_database.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute(ROWS.encode())
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")  # what a view says of UTC is no matter of the session's zone
        yield connection


def test_views_for_reports(owner: psycopg.Connection) -> None:
    for view, columns in COLUMNS.items():
        cursor = owner.execute(f"SELECT * FROM serving.{view}".encode())
        assert [column.name for column in cursor.description or ()] == columns.split(), view

    series, customer = b"acme/heat".hex(), b"acme".hex()
    assert owner.execute("TABLE serving.series").fetchall() == [
        (
            "acme/heat",
            "acme",
            "heat",
            series,
            customer,
            "acme/heat",
            "acme",
            "heat",
            utc(2024, 2, 29, 23, 59, 59, 250000),
        )
    ]
    assert owner.execute("TABLE serving.averages").fetchall() == [
        ("last_20", 20, None, 60, "last 20 events, every 1 minute", 1, 0)
    ]
    days = owner.execute("TABLE serving.calendar").fetchall()
    assert [row[0] for row in days] == [date(2024, 2, 1) + timedelta(days=index) for index in range(29 + 31)]
    assert days[28:30] == [
        (date(2024, 2, 29), 2024, 1, 2, "February", "2024-W09", 29, 4, "Thursday"),
        (date(2024, 3, 1), 2024, 1, 3, "March", "2024-W09", 1, 5, "Friday"),
    ]
    assert owner.execute("SELECT date, as_of, sma, source, is_full, is_final FROM serving.facts").fetchall() == [
        (date(2024, 2, 28), utc(2024, 2, 28, 23, 59), Decimal("3.333333333"), "batch", False, True),
        (date(2024, 3, 1), utc(2024, 3, 1), Decimal("0.250000000"), "stream", True, False),
    ]
    assert owner.execute(
        "SELECT as_of, class, is_explained, late_event_count, stream_sma, batch_sma FROM serving.differences"
    ).fetchall() == [(utc(2024, 2, 28, 23, 59), "changed", True, 1, 4, Decimal("3.333333333"))]
    assert owner.execute("SELECT as_of FROM serving.live").fetchall() == [(utc(2024, 3, 1),)]
    assert owner.execute(
        "SELECT newest_window_closed, newest_streamed, newest_reconciled FROM serving.data_age"
    ).fetchall() == [(utc(2024, 3, 1), utc(2024, 3, 1), utc(2024, 2, 28, 23, 59))]
    when = utc(2024, 3, 3)
    quiet = b"quiet".hex()
    assert owner.execute("SELECT * FROM serving.quality ORDER BY customer").fetchall() == [
        ("acme", "last_20", date(2024, 2, 28), when, 1, 0, 0, 1, 0, customer),
        ("quiet", "last_20", date(2024, 2, 28), when, 0, 0, 0, 0, 0, quiet),
    ]


WEEKS = """
    INSERT INTO sma.averages (name, window_ms, every_ms) VALUES ('hour', 3600000, 3600000), ('day', 86400000, 3600000);
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    SELECT customer, 'heat', average, as_of, 1, 1
    FROM generate_series('2024-01-01 00:00+00', '2024-02-25 23:00+00', INTERVAL '1 hour') AS as_of
    CROSS JOIN unnest(ARRAY['acme', 'other']) AS customer
    CROSS JOIN unnest(ARRAY['hour', 'day']) AS average;
    INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count)
    SELECT customer, metric, average, as_of, value_sum, event_count
    FROM sma.streaming_averages
    WHERE as_of < '2024-02-20 12:00+00';
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    SELECT day, average, '{}', '2024-02-20 11:00+00', 96, 'a'
    FROM generate_series(date '2024-01-01', date '2024-02-20', INTERVAL '1 day') AS day
    CROSS JOIN unnest(ARRAY['hour', 'day']) AS average;
    INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms)
    SELECT 0, customer, 'heat', 1708902000000 FROM unnest(ARRAY['acme', 'other']) AS customer;
    ANALYZE sma.streaming_averages, sma.batch_averages, sma.batch_days;
"""
# what a report asks for: a slice of an incremental refresh, one series for a week, the last day
SLICE = (
    "SELECT * FROM {facts}"
    " WHERE instant >= '2024-02-{day}' AND instant < timestamptz '2024-02-{day}' + interval '1 day'"
)


def chunks_read(connection: psycopg.Connection, query: str) -> set[str]:
    """The days at which the chunks begin that a query got rows from, or looked for rows in."""
    rows = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {query}".encode()).fetchone()
    assert rows is not None
    found: set[str] = set()

    def visit(node: dict) -> None:
        if node.get("Relation Name", "").startswith("_hyper_") and node["Actual Loops"]:
            found.add(node["Relation Name"])
        for child in node.get("Plans", []):
            visit(child)

    visit(rows[0][0]["Plan"])
    begins = connection.execute(
        "SELECT DISTINCT range_start::date::text FROM timescaledb_information.chunks WHERE chunk_name = ANY(%s)",
        (list(found),),
    ).fetchall()
    return {begin for (begin,) in begins}


@pytest.fixture
def weeks(own_database: Place) -> Iterator[psycopg.Connection]:
    with connect(own_database.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute(WEEKS.encode())
        yield connection


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (SLICE.format(facts="serving.facts", day="10"), {"2024-02-08"}),
        (SLICE.format(facts="serving.facts", day="20"), {"2024-02-15"}),
        (SLICE.format(facts="serving.facts", day="23"), {"2024-02-22"}),
        (SLICE.format(facts='"customer/acme".facts', day="10"), {"2024-02-08"}),
        (SLICE.format(facts='"customer/acme".facts', day="23"), {"2024-02-22"}),
        ("SELECT * FROM serving.live WHERE series = 'acme/heat'", {"2024-02-22"}),
        (
            "SELECT * FROM \"customer/acme\".moving_averages WHERE metric = 'heat' AND average = 'hour'"
            " AND as_of >= '2024-01-20' AND as_of < '2024-01-27'",
            {"2024-01-18", "2024-01-25"},
        ),
    ],
)
def test_a_query_of_some_days_reads_their_chunks_only(own_database, weeks, query, expected):
    add_customer(own_database.settings.owner_database_url.get_secret_value(), "acme")
    assert chunks_read(weeks, query) == expected


def test_the_stream_is_not_read_where_there_is_a_batch_result(weeks):
    read = weeks.execute(
        "SELECT count(*) FROM sma.open_spans() AS open JOIN sma.streaming_averages AS stream"
        " ON stream.average = open.average AND stream.as_of >= open.from_time AND stream.as_of < open.until_time"
    ).fetchone()
    # the spans begin where the answers end: the rows from 12 o'clock on of 2024-02-20, and all of five days
    assert read == (2 * 2 * (12 + 5 * 24),)
    assert weeks.execute("SELECT count(*), count(DISTINCT (series, average, as_of)) FROM serving.facts").fetchone() == (
        2 * 2 * 56 * 24,
        2 * 2 * 56 * 24,
    )
