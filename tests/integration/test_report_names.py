"""Names that are one to Power BI, which compares text without case and trailing blanks, stay apart in reports."""

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
from psycopg import sql

from database.customers import add_customer
from database.migrate import connect
from powerbi.checks.model import read_model, tables
from powerbi.checks.queries import Parameters, statement
from tests.support.places import Place

SERIES = [
    ("acme", "temp"),
    ("ACME", "temp"),
    ("acme ", "temp"),
    ("globex", "Load"),
    ("globex", "load"),
    ("initech", "LOAD"),
    ("Ümlaut", "x"),
    ("üMLAUT", "x"),
    ("hooli", "heat (6c6f6164)"),  # as a label would be
]
ROWS = """
    INSERT INTO sma.averages (name, window_ms, every_ms) VALUES ('hour', 3600000, 60000) ON CONFLICT DO NOTHING;
    INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
    VALUES ({customer}, {metric}, 'hour', '2024-06-03 10:05+00', 1, 1);
    INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms)
    VALUES (0, {customer}, {metric}, 1717409040000);
    INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
    VALUES (0, {customer}, {metric}, '2024-06-03', 5, 5);
    INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,
        extra_in_stream, explained, unexplained, read_to, duration_seconds)
    VALUES ('run', '2024-06-03', 'hour', 9, 0, 9, 0, 0, 9, 0, '{{}}', 1) ON CONFLICT DO NOTHING;
    INSERT INTO sma.differences (run_id, customer, metric, average, as_of, class, is_explained, late_event_count,
        stream_value_sum, stream_event_count, batch_value_sum, batch_event_count)
    VALUES ('run', {customer}, {metric}, 'hour', '2024-06-03 10:05+00', 'changed', true, 1, 1, 1, 2, 2);
"""
MODEL = tables()
JUNE = Parameters("", datetime(2024, 6, 1), datetime(2024, 7, 1))  # noqa: DTZ001 - as Power BI has them


@pytest.fixture
def owner_url(own_database: Place) -> str:
    return own_database.settings.owner_database_url.get_secret_value()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with connect(owner_url) as connection:
        for customer, metric in SERIES:
            connection.execute(
                sql.SQL(ROWS).format(customer=sql.Literal(customer), metric=sql.Literal(metric))  # type: ignore[arg-type]
            )
        yield connection


def as_power_bi_compares(text: str) -> str:
    return text.rstrip(" ").casefold()


def column(connection: psycopg.Connection, table: str, name: str) -> list[str]:
    """The values of a model's column, by the query of its table."""
    source = MODEL[table].named("partition")[table].properties["source"]
    cursor = connection.execute(statement(source, JUNE))
    wanted = MODEL[table].named("column")[name].properties["sourceColumn"]
    index = [one.name for one in cursor.description or ()].index(wanted)
    return [row[index] for row in cursor]


@pytest.mark.parametrize(
    ("table", "name", "count"),
    [
        ("Customers", "Customer key", 8),
        ("Customers", "Customer", 8),
        ("Series", "Series key", len(SERIES)),
        ("Series", "Series", len(SERIES)),
    ],
)
def test_keys_and_labels_differ_as_power_bi_compares_them(owner, table, name, count):
    values = column(owner, table, name)
    assert len(values) == len({as_power_bi_compares(value) for value in values}) == count


@pytest.mark.parametrize("table", ["Moving averages", "Moving averages live", "Differences"])
def test_each_row_leads_to_its_series_and_to_no_other(owner, table):
    assert sorted(column(owner, table, "Series key")) == sorted(f"{c}/{m}".encode().hex() for c, m in SERIES)


@pytest.mark.parametrize("table", ["Reconciliation", "Data age"])
def test_each_row_leads_to_its_customer_and_to_no_other(owner, table):
    assert sorted(column(owner, table, "Customer key")) == sorted({customer.encode().hex() for customer, _ in SERIES})


def test_a_label_is_the_name_unless_power_bi_takes_another_for_the_same(owner):
    assert dict(owner.execute("SELECT (customer, metric)::text, series_label FROM serving.series").fetchall()) == {
        "(acme,temp)": "acme (61636d65)/temp",
        "(ACME,temp)": "ACME (41434d45)/temp",
        '("acme ",temp)': "acme  (61636d6520)/temp",
        "(globex,Load)": "globex/Load (4c6f6164)",
        "(globex,load)": "globex/load (6c6f6164)",
        "(initech,LOAD)": "initech/LOAD",
        "(Ümlaut,x)": "Ümlaut (c39c6d6c617574)/x",
        "(üMLAUT,x)": "üMLAUT (c3bc4d4c415554)/x",
        '(hooli,"heat (6c6f6164)")': f"hooli/heat (6c6f6164) ({b'heat (6c6f6164)'.hex()})",
    }


def test_a_customers_own_views_have_the_same_keys_and_do_not_reveal_the_other_names(owner, owner_url):
    with connect(add_customer(owner_url, "ACME").url) as reader:
        assert reader.execute("SELECT series_key, customer_label, series_label FROM series").fetchall() == [
            (b"ACME/temp".hex(), "ACME", "ACME/temp")
        ]
        for view in ("facts", "live", "differences"):
            rows = reader.execute(sql.SQL("SELECT series_key FROM {}").format(sql.Identifier(view))).fetchall()
            assert rows == [(b"ACME/temp".hex(),)]


def test_relationships_and_the_role_of_readers_compare_no_name():
    """Two names that Power BI takes for one would show the rows of ACME to acme."""
    joins = [top.properties for top in read_model() if top.kind == "relationship"]
    joined = {join[end].partition(".")[2].strip("'") for join in joins for end in ("fromColumn", "toColumn")}
    assert joined == {"Series key", "Customer key", "Average", "Date"}  # averages.yaml allows no capital in a name
    (role,) = [top for top in read_model() if top.kind == "role"]
    filters = role.named("tablePermission")
    assert "[Customer]" not in filters["Customers"].expression
    assert "[Customer key] = reader" in filters["Customers"].expression


def test_access_makes_the_same_key_from_a_name(owner):
    source = MODEL["Access"].named("partition")["Access"].properties["source"]
    assert "Binary.ToText(Text.ToBinary([customer], TextEncoding.Utf8), BinaryEncoding.Hex)" in source
    for name in ("acme ", "Ümlaut", "客户"):
        assert owner.execute("SELECT serving.key(%s)", (name,)).fetchone() == (name.encode("utf-8").hex(),)
