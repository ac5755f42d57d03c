"""`sma latest`: the newest row that readers see of each average, found without reading the others."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from cli.main import run_command
from cli.main import sma as command_line
from database.migrate import connect
from reader.latest import _SQL, newest_rows
from reader.session import session
from sma.errors import SmaError
from tests.support.served import add_definitions, add_rows, rounded

DAY = timedelta(days=1)
NOON = datetime(2024, 2, 28, 12, tzinfo=UTC)


@pytest.fixture
def place(own_database):
    add_definitions(own_database)
    far = datetime(2199, 1, 1, tzinfo=UTC)  # ahead of the clock
    add_rows(
        own_database,
        "batch_averages",
        [
            ("acme", "heat", "hour", NOON - DAY, Decimal("1"), 1),
            ("acme", "heat", "hour", NOON, Decimal("-20"), 3),
            ("acme", "heat", "hour", far, Decimal("9"), 1),
            ("acme", "heat", "last_20", NOON, Decimal("5"), 20),
            ("other", "heat", "hour", NOON + DAY, Decimal("8"), 1),
        ],
    )
    add_rows(
        own_database,
        "streaming_averages",
        [
            # the batch layer computed this day and has no such row, so readers do not see it
            ("acme", "heat", "hour", NOON + timedelta(hours=1), Decimal("7"), 1),
            ("acme", "heat", "last_20", NOON + 10 * DAY, Decimal("0.000001"), 7),
            ("acme", "heat", "last_20", far, Decimal("7"), 1),
            ("acme", "cold", "hour", NOON + 9 * DAY, Decimal("1.5"), 2),
            ("other", "damp", "hour", NOON, Decimal("8"), 1),
        ],
    )
    return own_database


def newest(place, *names):
    with session(place.settings.database_url, "SMA_DATABASE_URL") as connection:
        return newest_rows(connection, *names)


def test_each_average_has_its_newest_row_as_readers_see_it(place):
    rows = [(row.metric, row.average, row.as_of, row.sma, row.event_count) for row in newest(place, "acme")]
    assert rows == [
        ("cold", "hour", NOON + 9 * DAY, Decimal("0.75"), 2),
        ("heat", "hour", NOON, rounded(Decimal(-20), 3), 3),
        ("heat", "last_20", NOON + 10 * DAY, Decimal("0.000000143"), 7),
    ]


def test_a_row_says_where_it_is_from_and_whether_it_is_final(place):
    rows = {(row.metric, row.average): (row.source, row.is_full, row.is_final) for row in newest(place, "acme")}
    assert rows == {
        ("cold", "hour"): ("stream", True, False),
        ("heat", "hour"): ("batch", True, True),
        ("heat", "last_20"): ("stream", False, False),
    }


def test_rows_of_a_former_generation_are_not_the_newest(place):
    with connect(place.settings.owner_database_url.get_secret_value()) as owner:
        owner.execute(
            "INSERT INTO sma.job_starts (generation, watermark_delay_ms, allowed_lateness_ms, max_ahead_ms, averages)"
            " VALUES (1, 0, 0, 0, '{}')"
        )
    assert [(row.metric, row.average, row.as_of) for row in newest(place, "acme")] == [
        ("heat", "hour", NOON),
        ("heat", "last_20", NOON),
    ]


@pytest.mark.parametrize(
    ("names", "series"),
    [
        (("acme", "heat"), [("heat", "hour"), ("heat", "last_20")]),
        (("acme", None, "hour"), [("cold", "hour"), ("heat", "hour")]),
        (("acme", "cold", "last_20"), []),
    ],
)
def test_a_metric_and_an_average_can_be_chosen(place, names, series):
    assert [(row.metric, row.average) for row in newest(place, *names)] == series


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Acmee",), "no customer 'Acmee'; did you mean 'acme'?: `sma status` lists customers"),
        (("zzz",), "no customer 'zzz': `sma status` lists customers"),
        (
            ("acme", "heet"),
            "customer 'acme' has no metric 'heet'; did you mean 'heat'?: `sma latest 'acme'` lists them",
        ),
        (("acme", "damp"), "customer 'acme' has no metric 'damp': `sma latest 'acme'` lists them"),
        (("acme", "heat", "week"), "no average 'week': there are hour, last_20"),
    ],
)
def test_a_name_that_is_not_there_is_refused_in_one_line(place, names, message):
    with pytest.raises(SmaError) as refused:
        newest(place, *names)
    assert str(refused.value) == message


def test_the_command_prints_exact_numbers(place, monkeypatch, capsys):
    monkeypatch.setattr("sma.settings.load_settings", lambda: place.settings)
    command_line(["latest", "acme", "heat", "--json"], standalone_mode=False)
    hour, last_20 = json.loads(capsys.readouterr().out)
    assert hour == {
        "customer": "acme",
        "metric": "heat",
        "average": "hour",
        "as_of": "2024-02-28T12:00:00Z",
        "sma": "-6.666666667",
        "value_sum": "-20.000000",
        "event_count": 3,
        "is_full": True,
        "source": "batch",
        "is_final": True,
    }
    assert last_20["sma"] == "0.000000143"
    command_line(["latest", "acme", "--average", "hour"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()[4:] if line.strip()] == [
        ["cold", "hour", "0.750000000", "2024-03-08T12:00:00Z", "2", "yes", "stream", "no"],
        ["heat", "hour", "-6.666666667", "2024-02-28T12:00:00Z", "3", "yes", "batch", "yes"],
    ]


MANY = """
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    SELECT customer, 'heat', average, as_of, 1, 1
    FROM generate_series('2024-03-01 00:00+00', '2024-09-01 00:00+00', INTERVAL '1 hour') AS as_of
    CROSS JOIN unnest(ARRAY['acme', 'other', 'third', 'fourth']) AS customer
    CROSS JOIN unnest(ARRAY['hour', 'last_20']) AS average
    ON CONFLICT DO NOTHING;
    INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count)
    SELECT customer, metric, average, as_of, value_sum, event_count
    FROM sma.streaming_averages
    WHERE as_of < '2024-06-01'
    ON CONFLICT DO NOTHING;
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    SELECT day, average, '{}', '2024-06-01 00:00+00', 1, 'a'
    FROM generate_series(date '2024-03-02', date '2024-05-31', INTERVAL '1 day') AS day
    CROSS JOIN unnest(ARRAY['hour', 'last_20']) AS average;
    ANALYZE sma.streaming_averages, sma.batch_averages, sma.batch_days;
"""


def test_the_newest_rows_are_found_without_reading_the_others(place):
    with connect(place.settings.owner_database_url.get_secret_value()) as owner:
        owner.execute(MANY.encode())
    names = {"customer": "acme", "metric": None, "average": None}
    url = place.settings.database_url.get_secret_value()
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {_SQL['newest_rows']}", names).fetchone()
    plan = row[0][0]["Plan"]
    read = {"rows": 0, "chunks": set()}

    def visit(node):
        if node.get("Relation Name", "").startswith("_hyper_"):
            read["chunks"].add(node["Relation Name"])
            read["rows"] += node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for child in node.get("Plans", []):
            visit(child)

    visit(plan)
    assert len(read["chunks"]) > 20
    # to find the two metrics, one row in each chunk; and of each average the newest row in each layer
    assert read["rows"] <= 3 * len(read["chunks"])


def test_an_unknown_customer_is_one_line_on_the_command_line(place, monkeypatch, capsys):
    monkeypatch.setattr("sma.settings.load_settings", lambda: place.settings)
    monkeypatch.setattr("sys.argv", ["sma", "latest", "acne"])
    with pytest.raises(SystemExit) as ended:
        run_command(command_line)
    assert ended.value.code == 1
    assert "sma: no customer 'acne'; did you mean 'acme'?: `sma status` lists customers\n" in capsys.readouterr().err
