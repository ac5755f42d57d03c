"""Served rows of two layers for the tests that read them, and what their averages are, worked out with `decimal`."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from database.migrate import connect

_EXACT = Context(prec=200, rounding=ROUND_HALF_UP)
_NINE_DECIMALS = Decimal("1e-9")

DEFINITIONS = """
    INSERT INTO sma.averages (name, window_events, window_ms, every_ms)
    VALUES ('last_20', 20, NULL, 60000), ('hour', NULL, 3600000, 60000);
    INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
    SELECT day, average, '{}', '2024-03-02 00:00+00', 1, 'a'
    FROM unnest(ARRAY[date '2024-02-28', '2024-02-29', '2024-03-01']) AS day
    CROSS JOIN unnest(ARRAY['hour', 'last_20']) AS average;
    INSERT INTO sma.reconciliations
    VALUES ('a', '2024-02-28', 'hour', 1, 1, 0, 0, 0, 0, 0, '{}', 1, '2100-01-01 00:00+00');
"""
"""Two averages; the batch layer computed three days, and the first day of `hour` is reconciled."""


def rounded(value_sum: Decimal, event_count: int) -> Decimal:
    """Return the quotient, half away from zero to 9 decimals, from 200 digits."""
    return _EXACT.quantize(_EXACT.divide(value_sum, Decimal(event_count)), _NINE_DECIMALS)


def add_rows(place, table: str, rows: list[tuple[str, str, str, datetime, Decimal, int]]) -> None:
    """Store rows (customer, metric, average, as_of, value_sum, event_count) as the layer of a table would."""
    with connect(place.settings.owner_database_url.get_secret_value()) as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO sma.{table} (customer, metric, average, as_of, value_sum, event_count)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            rows,
        )


def add_definitions(place) -> None:
    """Store `DEFINITIONS`."""
    with connect(place.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute(DEFINITIONS.encode())
