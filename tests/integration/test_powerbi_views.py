"""What the Power BI project asks of the database, it has: each query runs, and its columns have the model's types."""

import secrets
import struct
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import psycopg
import pytest
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from psycopg import sql

from database.customers import add_customer
from database.migrate import connect, create_database, drop_database, with_database
from powerbi.checks.model import tables
from powerbi.checks.queries import Parameters, statement
from powerbi.checks.report import Field, visuals
from powerbi.pictures.drawing import VISUALS
from powerbi.pictures.measures import MEASURES, Selection
from powerbi.pictures.pages import PICTURES
from powerbi.pictures.rows import Row, read_rows

MODEL = tables()
FROM_VIEWS = sorted(set(MODEL) - {"Access"})  # Access is typed into the model
PARTITIONED = sorted(name for name in FROM_VIEWS if MODEL[name].named("refreshPolicy"))
# How Power Query maps PostgreSQL's types, and the model theirs. numeric has no exact counterpart: decision 0020.
TYPES = {
    "text": "string",
    "integer": "int64",
    "bigint": "int64",
    "numeric": "double",
    "boolean": "boolean",
    "date": "dateTime",
    "timestamp without time zone": "dateTime",
}
#   [01-01 ------ 01-02)                                    three days of two chunks, which are of seven days
#                [01-02 ------ 01-03)
#                                        [01-20 ------ 01-21)
ROWS = """
    INSERT INTO sma.averages (name, window_ms, every_ms, description)
    VALUES ('hour', 3600000, 60000, 'last 1 hour, every 1 minute');
    INSERT INTO sma.averages (name, window_events, every_ms, description)
    VALUES ('last_20', 20, 60000, 'last 20 events, every 1 minute');
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    VALUES
        ('2013-01-01', 'hour', '{}', '2013-01-02 00:00+00', 2, 'run'),
        ('2013-01-02', 'hour', '{}', '2013-01-02 00:00+00', 1, 'run'),
        ('2013-01-20', 'hour', '{}', '2013-01-20 00:00+00', 1, 'run');
    INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count, written_at)
    VALUES
        ('AA', 'delay', 'hour', '2013-01-01 00:00+00', 25, 2, '2013-01-21 00:00+00'),
        ('AA', 'delay', 'hour', '2013-01-01 23:59+00', 10, 3, '2013-01-21 00:00+00'),
        ('AA', 'delay', 'hour', '2013-01-02 00:00+00', 17, 3, '2013-01-21 00:00+00'),
        ('AA', 'delay', 'hour', '2013-01-20 00:00+00', 4, 1, '2013-01-21 00:00+00');
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    VALUES
        ('AA', 'delay', 'hour', '2013-01-01 00:00+00', 25, 2),
        ('AA', 'delay', 'hour', '2013-01-02 00:00+00', 5, 2),
        ('UA', 'delay', 'hour', '2013-01-02 00:00+00', -44, 5),
        ('UA', 'delay', 'hour', '2013-01-02 00:01+00', -44, 5),
        ('AA', 'delay', 'hour', '2013-01-20 00:00+00', 3, 1),
        ('AA', 'delay', 'hour', '2013-01-20 12:00+00', 8, 1),
        ('UA', 'delay', 'hour', '2013-01-20 12:00+00', 9, 1);
    INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms)
    VALUES
        (0, 'AA', 'delay', 1358683140000),  -- 2013-01-20 11:59
        (0, 'AA', 'arrival', 0),
        (0, 'UA', 'delay', 1358683140000);
    INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
    VALUES
        (0, 'AA', 'delay', '2013-01-01', 3, 9),
        (0, 'AA', 'delay', '2013-01-02', 3, 9),
        (0, 'UA', 'delay', '2013-01-02', 5, 9),
        (0, 'AA', 'delay', '2013-01-20', 2, 9);
    INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,
        extra_in_stream, explained, unexplained, read_to, duration_seconds, reconciled_at)
    VALUES
        ('run', '2013-01-01', 'hour', 2, 1, 0, 1, 0, 1, 0, '{}', 1, '2013-01-22 00:00+00'),
        ('run', '2013-01-02', 'hour', 2, 0, 1, 0, 1, 1, 1, '{}', 1, '2013-01-22 00:00+00'),
        ('run', '2013-01-20', 'hour', 1, 0, 1, 0, 0, 1, 0, '{}', 1, '2013-01-22 00:00+00');
    INSERT INTO sma.differences (run_id, customer, metric, average, as_of, class, is_explained, late_event_count,
        stream_value_sum, stream_event_count, batch_value_sum, batch_event_count)
    VALUES
        ('run', 'AA', 'delay', 'hour', '2013-01-01 23:59+00', 'missing_in_stream', true, 3, NULL, NULL, 10, 3),
        ('run', 'AA', 'delay', 'hour', '2013-01-02 00:00+00', 'changed', true, 1, 5, 2, 17, 3),
        ('run', 'UA', 'delay', 'hour', '2013-01-02 00:00+00', 'extra_in_stream', false, 0, -44, 5, NULL, NULL),
        ('run', 'AA', 'delay', 'hour', '2013-01-20 00:00+00', 'changed', true, 1, 3, 1, 4, 1);
"""


def utc(*parts: int) -> datetime:
    """A time as the views and Power BI's parameters say it: UTC, without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


FIRST, SECOND, THIRD, FEBRUARY = utc(2013, 1, 1), utc(2013, 1, 2), utc(2013, 1, 3), utc(2013, 2, 1)


CUSTOMERS = ["AA", 'A"A']


@pytest.fixture(scope="module")
def name(database_server):
    """A database with a few rows; these tests only read, so they share it."""
    owner, name = database_server.settings.owner_database_url.get_secret_value(), f"t{secrets.token_hex(4)}"
    create_database(owner, name)
    try:
        with connect(with_database(owner, name)) as connection:
            connection.execute(ROWS.encode())
            connection.execute("ANALYZE")
        yield name
    finally:
        drop_database(owner, name)


@pytest.fixture(scope="module")
def customer_urls(database_server, name):
    """What each customer connects with: a role of its own."""
    owner_url = with_database(database_server.settings.owner_database_url.get_secret_value(), name)
    return {customer: add_customer(owner_url, customer).url for customer in CUSTOMERS}


@pytest.fixture
def database(database_server, name):
    with psycopg.connect(
        with_database(database_server.settings.owner_database_url.get_secret_value(), name)
    ) as connection:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")  # what is asked for, and said of UTC, is no matter of the zone
        yield connection


@pytest.fixture
def reader(database, customer_urls):
    """The rows of a query: as the owner, or as the customer whose views it reads."""

    def read(asked, customer=""):
        if not customer:
            return database.execute(asked)
        return held.enter_context(connect(customer_urls[customer])).execute(asked)

    with ExitStack() as held:
        yield read


@pytest.fixture
def reader_url(database_server, name):
    """What the pictures are drawn with: a role that may read the views."""
    return with_database(database_server.settings.database_url.get_secret_value(), name)


def query(table, customer="", start=FIRST, end=THIRD):
    return statement(MODEL[table].named("partition")[table].properties["source"], Parameters(customer, start, end))


def column(table, name):
    """Where a column stands in the rows of a table."""
    columns = [one.properties["sourceColumn"] for one in MODEL[table].named("column").values()]
    return columns.index(name)


def chunks(connection, asked):
    """The (hypertable, first day) of every chunk that a query's plan reads."""
    ((plan,),) = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + asked).fetchall()
    named = {part["Relation Name"] for part in _parts(plan[0]["Plan"]) if "Relation Name" in part}
    known = connection.execute(
        "SELECT chunk_name, hypertable_name, (range_start AT TIME ZONE 'UTC')::date::text "
        "FROM timescaledb_information.chunks"
    ).fetchall()
    return {(hypertable, first_day) for chunk, hypertable, first_day in known if chunk in named}


def _parts(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from _parts(below)


@pytest.mark.parametrize("customer", ["", "AA"])
@pytest.mark.parametrize("table", FROM_VIEWS)
def test_every_column_of_the_model_is_in_its_view_with_a_type_that_it_maps_to(database, reader, table, customer):
    columns = {
        one.properties["sourceColumn"]: one.properties["dataType"] for one in MODEL[table].named("column").values()
    }
    cursor = reader(query(table, customer), customer)
    assert cursor.fetchone() is not None
    types = dict(database.execute("SELECT oid, format_type(oid, NULL) FROM pg_catalog.pg_type").fetchall())
    assert {one.name: TYPES[types[one.type_code]] for one in cursor.description} == columns


@pytest.mark.parametrize("table", PARTITIONED)
def test_days_that_are_loaded_one_by_one_make_up_the_whole_and_share_no_row(database, table):
    days = [
        database.execute(query(table, start=start, end=end)).fetchall()
        for start, end in pairwise((FIRST, SECOND, THIRD))
    ]
    assert all(days)
    assert Counter(days[0] + days[1]) == Counter(database.execute(query(table)).fetchall())
    for rows, start, end in zip(days, (FIRST, SECOND), (SECOND, THIRD), strict=True):
        assert all(start <= row[column(table, "as_of")] < end for row in rows)
        assert {row[column(table, "date")] for row in rows} == {start.date()}


@pytest.mark.parametrize("customer", ["", "AA"])
@pytest.mark.parametrize(
    ("table", "hypertables"),
    [("Moving averages", {"batch_averages", "streaming_averages"}), ("Differences", {"differences"})],
)
@pytest.mark.usefixtures("customer_urls")
def test_a_day_is_loaded_from_the_chunk_of_that_day_only(database, table, hypertables, customer):
    # chunks begin on Thursdays: [2012-12-27, 2013-01-03) and [2013-01-17, 2013-01-24)
    day, month = (chunks(database, query(table, customer, FIRST, end)) for end in (SECOND, FEBRUARY))
    assert day == {(hypertable, "2012-12-27") for hypertable in hypertables}
    assert month - day == {(hypertable, "2013-01-17") for hypertable in hypertables}


def test_the_live_table_has_the_last_day_that_the_stream_has_reached(database):
    live = database.execute(query("Moving averages live")).fetchall()
    as_ofs = [row[column("Moving averages live", "as_of")] for row in live]
    assert sorted(as_ofs) == [utc(2013, 1, 20), utc(2013, 1, 20, 12), utc(2013, 1, 20, 12)]


def test_a_customer_whose_name_has_a_quote_is_asked_for_by_that_name(reader):
    assert reader(query("Moving averages", 'A"A'), 'A"A').fetchall() == []


@pytest.mark.parametrize("table", FROM_VIEWS)
def test_a_customers_own_schema_gives_that_customers_rows_only(reader, table):
    key = next((name for name in ("Customer key", "Series key") if name in MODEL[table].named("column")), None)
    if key is None:
        assert table in {"Averages", "Calendar"}
        return
    seen = {
        bytes.fromhex(row[column(table, key.lower().replace(" ", "_"))]).decode()
        for row in reader(query(table, "AA"), "AA")
    }
    assert {name.partition("/")[0] for name in seen} == {"AA"}


@pytest.mark.parametrize(
    "key",
    [("Customers", "customer_key"), ("Series", "series_key"), ("Averages", "average"), ("Calendar", "date")],
)
def test_the_key_that_a_relationship_leads_to_is_unique(database, key):
    table, name = key
    values = [row[column(table, name)] for row in database.execute(query(table))]
    assert len(values) > 1
    assert len(set(values)) == len(values)
    assert None not in values


def test_where_no_difference_is_known_the_stream_emitted_what_the_batch_layer_computed(database, reader_url):
    series = Selection(read_rows(reader_url), {("Series", "Series"): "AA/delay", ("Averages", "Average"): "hour"})
    streamed = dict(
        database.execute(
            "SELECT as_of AT TIME ZONE 'UTC', serving.average(value_sum, event_count) FROM sma.streaming_averages "
            "WHERE customer = 'AA'"
        ).fetchall()
    )
    as_of = Field("Column", "Moving averages", "As of (UTC)", "")
    windows = {group.chosen[as_of.table, as_of.name]: group for group in series.groups([as_of], as_of.table)}
    assert len(windows) > len(series.of("Differences")) > 0
    assert {at: MEASURES["Stream SMA"](group) for at, group in windows.items()} == {
        at: streamed.get(at) for at in windows
    }


#   AA/delay, hour          stream   batch
#   01-01 00:00             12.5     12.5
#   01-01 23:59             none     3.333333333
#   01-02 00:00             2.5      5.666666667
#   01-20 00:00             3        4
#   01-20 12:00             8        none            the newest event is at 11:59, so this window is current
MEASURED = {
    "Current SMA": Decimal(8),
    "Current as of (UTC)": utc(2013, 1, 20, 12),
    "Current events": 1,
    "Change": Decimal(4),
    "Change %": Decimal(1),
    "Stream SMA": Decimal(8),
    "Batch SMA": None,
    "Stream less batch": None,
    "Events in window": 1,
    "Rows": 5,
    "Share final": 0.8,
    "SMA now": Decimal(8),
    "As of now (UTC)": utc(2013, 1, 20, 12),
    "Differing windows": 3,
    "Differing stream SMA": None,
    "Differing batch SMA": None,
    "Changed windows": 2,
    "Missing windows": 1,
    "Extra windows": 0,
    "Explained windows": 3,
    "Unexplained windows": 0,
    "Differences found": 3,
    "Days reconciled": 3,
    "Reconciled at (UTC)": utc(2013, 1, 22),
    "Newest window closed (UTC)": utc(2013, 1, 20, 12),
    "Newest streamed (UTC)": utc(2013, 1, 20, 12),
    "Newest reconciled (UTC)": utc(2013, 1, 20),
}


@pytest.mark.parametrize("measure", MEASURED)
def test_the_pictures_have_the_measures_of_one_series(reader_url, measure):
    chosen = {("Customers", "Customer"): "AA", ("Series", "Series"): "AA/delay", ("Averages", "Average"): "hour"}
    assert MEASURES[measure](Selection(read_rows(reader_url), chosen)) == MEASURED[measure]


def test_the_age_of_a_layer_is_the_time_since_its_newest_window(reader_url):
    rows = read_rows(reader_url)
    newest = {"closed windows": (20, 12), "stream": (20, 12), "reconciliation": (20, 0)}
    for layer, (day, hour) in newest.items():
        before, age, after = _now(), MEASURES[f"Age of {layer}"](Selection(rows)), _now()
        as_of = utc(2013, 1, day, hour)
        assert int((before - as_of).total_seconds()) <= age <= (after - as_of).total_seconds()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def test_a_mean_of_several_series_is_not_a_moving_average(reader_url):
    everything = Selection(read_rows(reader_url))
    for measure in ("Current SMA", "Change", "Stream SMA", "Batch SMA", "SMA now", "Events in window"):
        assert MEASURES[measure](everything) is None


SIZES = {"overview": (1280, 744), "series": (1280, 744), "quality": (1280, 744), "tooltips": (688, 296)}


@pytest.fixture(params=PICTURES)
def picture(request, reader_url):
    """The name of a picture, and the picture."""
    return request.param, PICTURES[request.param](read_rows(reader_url))


def test_each_picture_is_drawn_from_the_views_as_large_as_its_page(picture, tmp_path):
    name, figure = picture
    figure.savefig(tmp_path / "page.png")
    header = (tmp_path / "page.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", header[16:])
    assert SIZES.get(name, (width, height)) == (width, height)


def test_a_picture_says_that_it_is_no_screenshot(picture):
    _, figure = picture
    assert any("Not a screenshot of Power BI" in text.get_text() for text in figure.findobj(Text))


def test_a_picture_shows_every_visual_of_its_pages_with_its_title_and_headings(picture):
    name, figure = picture
    pages = {"tooltips": {"window", "day"}, "phone": {"overview", "series", "quality"}}.get(name, {name})
    drawn = Counter(text.get_text() for text in figure.findobj(Text))
    expected = Counter[str]()
    for visual in visuals():
        if visual.page in pages:
            expected[visual.title] += 1
            if visual.type in ("lineChart", "columnChart"):
                expected.update(field.label for field in visual.fields("Y") if not visual.fields("Series"))
            elif visual.type in ("tableEx", "multiRowCard") and name != "phone":  # a phone's tables scroll
                expected.update(field.label for field in visual.fields("Values"))
    assert len(expected) >= 10
    assert expected <= drawn


def test_no_text_of_a_picture_is_cut_off_or_runs_into_another_visual(picture):
    _, figure = picture
    figure.canvas.draw()  # places the labels of axes
    renderer = figure.canvas.get_renderer()
    frames = [patch.get_window_extent(renderer) for patch in figure.findobj(FancyBboxPatch) if patch.get_gid()]
    assert frames
    outside = _ticks_out_of_view(figure)
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and not text.get_gid() and text not in outside:
            box = text.get_window_extent(renderer)
            inside = [one for one in frames if one.x0 - 1 <= box.x0 and box.x1 <= one.x1 + 1]
            inside = [one for one in inside if one.y0 - 1 <= box.y0 and box.y1 <= one.y1 + 1]
            assert len(inside) == 1, text.get_text()


def _ticks_out_of_view(figure):
    """The labels that matplotlib makes beyond the ends of an axis and does not draw."""
    outside = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        start, end = sorted(axis.get_view_interval())
        outside |= {tick.label1 for tick in axis.get_major_ticks() if not start <= tick.get_loc() <= end}
    return outside


def test_a_table_of_a_picture_is_sorted_as_power_bi_sorts_it(reader_url):
    """By the length of the window, not by its name."""
    rows = read_rows(reader_url)
    of_a_week = [Row({**row.values, "average": "a_week", "window_order": 9}) for row in rows["Moving averages"]]
    everything = Selection({**rows, "Moving averages": rows["Moving averages"] + of_a_week})
    average = Field("Column", "Averages", "Average", "")
    groups = everything.groups([average], "Moving averages")
    assert [group.chosen["Averages", "Average"] for group in groups] == ["hour", "a_week"]


def test_there_is_a_drawing_for_every_type_of_visual_and_every_measure_of_the_report():
    shown = {visual.type for visual in visuals()}
    assert shown == set(VISUALS)
    fields = [field for visual in visuals() for role in ("Values", "Y") for field in visual.fields(role)]
    assert {field.name for field in fields if field.kind == "Measure"} == set(MEASURES)
