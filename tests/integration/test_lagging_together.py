"""Partitions that share a series are computed as far as the one that lags the most."""

import psycopg
import pytest

from batch.windows.day_plan import lagging_together

PARTITIONS = [0, 1, 2, 3]


@pytest.fixture
def connection(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value()) as connection:
        series = [(0, "shared"), (1, "shared"), (1, "of one"), (2, "of two"), (3, "of three")]
        for partition, customer in series:
            connection.execute(
                "INSERT INTO sma.indexed_series (kafka_partition, customer, metric, max_log_time_ms) "
                "VALUES (%s, %s, 'm', 0)",
                (partition, customer),
            )
        yield connection


@pytest.mark.parametrize(
    ("lagging", "together"),
    [
        ({}, {}),
        ({2: 5}, {2: 5}),
        ({0: 5}, {0: 5, 1: 5}),
        ({0: 5, 1: 4, 3: 9}, {0: 4, 1: 4, 3: 9}),
    ],
)
def test_a_partition_that_lags_takes_those_with_a_series_of_its_own_with_it(connection, lagging, together):
    assert lagging_together(connection, PARTITIONS, lagging) == together
