"""The SQL of the model's queries: what is evaluated, and what is refused."""

from datetime import datetime

import pytest

from powerbi.checks.model import tables
from powerbi.checks.queries import Parameters, statement
from sma.errors import SmaError

JANUARY = Parameters("", datetime(2013, 1, 1), datetime(2013, 2, 1))  # noqa: DTZ001 - as Power BI has them
QUOTES = Parameters('a"b', JANUARY.range_start, JANUARY.range_end)
NAVIGATED = """let
	Source = PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false]),
	SchemaName = if Customer = null or Customer = "" then "serving" else "customer/" & Customer,
	View = Source{[Schema = SchemaName, Item = "series"]}[Data],
	Columns = Table.SelectColumns(View, {"series", "customer"}),
	Rows = Table.Distinct(Columns)
in
	Rows"""
NATIVE = '''let
	Source = PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false]),
	SchemaName = if Customer = null or Customer = "" then "serving" else "customer/" & Customer,
	Rows = Value.NativeQuery(Source, "SELECT series, as_of FROM """ & Text.Replace(SchemaName, """", """""") & \
""".facts WHERE instant >= '" & DateTime.ToText(RangeStart, [Format = "yyyy-MM-dd HH:mm:ss", Culture = "en-US"]) & \
"+00' AND instant < '" & DateTime.ToText(RangeEnd, [Format = "yyyy-MM-dd HH:mm:ss", Culture = "en-US"]) & "+00'", \
null, [EnableFolding = true])
in
	Rows'''


def test_a_view_its_columns_and_distinct_rows():
    assert statement(NAVIGATED, JANUARY).as_string() == 'SELECT DISTINCT "series", "customer" FROM "serving"."series"'


def test_a_native_query_says_what_stands_in_the_model():
    assert statement(NATIVE, JANUARY).as_string() == (
        'SELECT series, as_of FROM "serving".facts '
        "WHERE instant >= '2013-01-01 00:00:00+00' AND instant < '2013-02-01 00:00:00+00'"
    )


@pytest.mark.parametrize("source", [NAVIGATED, NATIVE])
def test_a_customer_has_a_schema_of_its_own_and_its_name_is_quoted(source):
    assert 'FROM "customer/a""b".' in statement(source, QUOTES).as_string()


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (NATIVE, "instant < '", "instant <= '"),  # a row of midnight would be loaded twice
        (NATIVE, "instant >= '", "as_of >= '"),  # says nothing about which chunks hold it
        (NATIVE, "+00' AND", "' AND"),  # would be a time of the session's zone
        (NATIVE, "DateTime.ToText(RangeEnd", "DateTime.ToText(RangeStart"),  # no row at all
        (NATIVE, '"en-US"', '"ar-SA"'),  # another calendar
        (NATIVE, "HH:mm:ss", "hh:mm:ss"),  # noon and midnight alike
        (NATIVE, 'Text.Replace(SchemaName, """", """""")', "SchemaName"),  # a quote in it would end the name
        (NATIVE, "facts WHERE", "facts, sma.customers WHERE"),
        (NATIVE, "EnableFolding = true", "EnableFolding = false"),
        (NATIVE, "SELECT series, as_of", "SELECT *"),
        (NATIVE, "in\n\tRows", "in\n\tSource"),  # the query would stand there unused
        (NAVIGATED, "Table.Distinct(", "Table.Buffer("),
        (NAVIGATED, "in\n\tRows", "in\n\tColumns"),
        (NAVIGATED, "Schema = SchemaName", 'Schema = "serving"'),
        (NAVIGATED, '"customer/" & Customer', "Customer"),
        (NAVIGATED, 'Item = "series"', 'Item = "series; DROP TABLE series"'),
    ],
)
def test_a_query_of_another_form_is_refused(source, old, new):
    assert old in source
    with pytest.raises(SmaError, match="not a query of a known form"):
        statement(source.replace(old, new), JANUARY)


@pytest.mark.parametrize("text", ["", "let", "let\nin\n", "#table({}, {})"])
def test_what_is_no_query_of_a_view_is_refused(text):
    with pytest.raises(SmaError, match="not a query of a known form"):
        statement(text, JANUARY)


@pytest.mark.parametrize("table", sorted(set(tables()) - {"Access"}))
def test_every_query_of_the_model_is_of_a_known_form(table):
    source = tables()[table].named("partition")[table].properties["source"]
    assert statement(source, JANUARY).as_string().startswith("SELECT ")
