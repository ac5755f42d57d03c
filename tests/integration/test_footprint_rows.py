"""What a row takes in the database is what `sma check` says: measured on a chunk that is full."""

import psycopg
import pytest

from sma.footprint import ROW_BYTES

_ROWS = 40_000


def test_a_row_takes_about_the_bytes_that_are_stated(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)"
            " SELECT 'customer' || n %% 20, 'temperature', 'last_50',"
            " TIMESTAMPTZ '2024-01-01' + n / 20 * INTERVAL '1 minute', n * 1234.567890, 50"
            " FROM generate_series(1, %s) AS n",
            (_ROWS,),
        )
        ((size,),) = connection.execute(
            "SELECT sum(pg_total_relation_size(chunk)) FROM show_chunks('sma.streaming_averages') AS chunk"
        ).fetchall()
    assert float(size) / _ROWS == pytest.approx(ROW_BYTES, rel=0.3)
