"""The SQL of the model's queries: what is translated, and what is refused."""

from datetime import datetime

import pytest

from powerbi.folding import Parameters, folded
from powerbi.model import tables
from sma.errors import SmaError

JANUARY = Parameters("", datetime(2013, 1, 1), datetime(2013, 2, 1))  # noqa: DTZ001 - as the views' as_of
SOURCE = """let
	Source = PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false]),
	SchemaName = if Customer = null or Customer = "" then "serving" else "customer/" & Customer,
	View = Source{[Schema = SchemaName, Item = "facts"]}[Data],
	Columns = Table.SelectColumns(View, {"series", "as_of"}),
	Rows = Table.SelectRows(Columns, each [as_of] >= RangeStart and [as_of] < RangeEnd)
in
	Rows"""


def test_the_range_is_half_open_and_is_asked_of_the_database():
    assert folded(SOURCE, JANUARY).as_string() == (
        'SELECT "series", "as_of" FROM "serving"."facts" '
        "WHERE \"as_of\" >= '2013-01-01 00:00:00'::timestamp AND \"as_of\" < '2013-02-01 00:00:00'::timestamp"
    )


def test_a_customer_has_a_schema_of_its_own_and_its_name_is_quoted():
    own = Parameters('a"b', JANUARY.range_start, JANUARY.range_end)
    assert 'FROM "customer/a""b"."facts"' in folded(SOURCE, own).as_string()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("< RangeEnd", "<= RangeEnd"),  # a row of midnight would be loaded twice
        ("[as_of] < RangeEnd", "[date] < RangeEnd"),
        ("Table.SelectRows(", "Table.Buffer("),
        ("in\n\tRows", "in\n\tColumns"),  # the filter would stand there unused
        ("Schema = SchemaName", 'Schema = "serving"'),
        ('"customer/" & Customer', "Customer"),
        ('Item = "facts"', 'Item = "facts; DROP TABLE facts"'),
    ],
)
def test_a_query_of_another_shape_is_refused(old, new):
    assert old in SOURCE
    with pytest.raises(SmaError, match="not a query that is known to fold"):
        folded(SOURCE.replace(old, new), JANUARY)


@pytest.mark.parametrize("table", sorted(set(tables()) - {"Access"}))
def test_every_query_of_the_model_is_of_the_shape_that_folds(table):
    source = tables()[table].named("partition")[table].properties["source"]
    assert folded(source, JANUARY).as_string().startswith("SELECT ")
