"""What is asked of Dagster is in the schema of the Dagster that is installed."""

import pytest
from dagster_graphql.schema import create_schema
from graphql import parse, validate

from orchestration import backfill, run_durations


@pytest.fixture(scope="module")
def schema():
    return create_schema().graphql_schema


@pytest.mark.parametrize("query", [backfill._LAUNCH, backfill._FOLLOW, backfill._LOGS, run_durations._RUNS])
def test_dagster_knows_every_field_of_a_query(schema, query):
    assert validate(schema, parse(query)) == []


def test_a_field_that_does_not_exist_would_be_found(schema):
    assert validate(schema, parse("query Runs { runsOrError { ... on Runs { results { duration } } } }")) != []
