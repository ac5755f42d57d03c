"""Rows of both layers and what reconciliations found, written as the two layers' own roles would leave them."""

from datetime import UTC, datetime, timedelta

import psycopg
import psycopg.sql

from database.definitions import store_definitions
from sma.averages import Average
from sma.window import CountWindow, DurationWindow

NOON = datetime(2013, 1, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AVERAGES = [Average("hour", DurationWindow(3_600_000), 60_000), Average("last_3", CountWindow(3), 60_000)]


class Layers:
    """The tables of a place, by the names of the test: series AA/delay unless told otherwise."""

    def __init__(self, place, customer="AA", metric="delay"):
        self.url = place.settings.owner_database_url.get_secret_value()
        self.customer, self.metric = customer, metric
        store_definitions(self.url, AVERAGES)

    def execute(self, statement, *rows):
        with psycopg.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def rows(self, layer, averages, average="hour", start=NOON):
        """A row of one event at each minute from `start` on; no row where the average is None."""
        self.execute(
            psycopg.sql.SQL(
                "INSERT INTO {} (customer, metric, average, as_of, value_sum, event_count) "
                "VALUES (%s, %s, %s, %s, %s, %s)"
            ).format(psycopg.sql.Identifier("sma", f"{layer}_averages")),
            *(
                (self.customer, self.metric, average, start + MINUTE * minute, sum_, count)
                for minute, pair in enumerate(averages)
                if pair is not None
                for sum_, count in [pair if isinstance(pair, tuple) else (pair, 1)]
            ),
        )

    def computed(self, low_watermark, average="hour", day=None):
        self.execute(
            "INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id) "
            "VALUES (%s, %s, '{}', %s, 1, 'run')",
            (day or NOON.date(), average, low_watermark),
        )

    def reconciled(self, found=(), average="hour", day=None, run="run"):
        """A reconciliation that found (minute after noon, is_explained) to differ."""
        explained = sum(is_explained for _, is_explained in found)
        day = day or NOON.date()
        self.execute(
            "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, "
            "missing_in_stream, extra_in_stream, explained, unexplained, read_to, duration_seconds) "
            "VALUES (%s, %s, %s, 100, %s, %s, 0, 0, %s, %s, '{}', 0)",
            (run, day, average, 100 - len(found), len(found), explained, len(found) - explained),
        )
        if found:
            self.execute(
                "INSERT INTO sma.differences (run_id, customer, metric, average, as_of, class, is_explained, "
                "late_event_count) VALUES (%s, %s, %s, %s, %s, 'changed', %s, 2)",
                *((run, self.customer, self.metric, average, NOON + MINUTE * at, is_) for at, is_ in found),
            )
