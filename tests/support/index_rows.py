"""Rows of the offset index, of batch results and of reconciliations, made by hand for tests of what is selected."""

from datetime import UTC, date, datetime, timedelta

from psycopg.types.json import Jsonb

from sma.days import day_start_ms
from sma.instants import instant

DAY = date(2013, 1, 10)
HOUR_MS = 3_600_000
NEXT_MORNING = 33  # hours after the beginning of DAY


def at(hours: float, day: date = DAY) -> int:
    return day_start_ms(day) + int(hours * HOUR_MS)


class IndexRows:
    """Writes what the pass over the log and the runs would have written."""

    def __init__(self, connection):
        self.connection = connection

    def low_watermark(self, hours, partition=0, next_offset=1_000):
        self.connection.execute(
            "INSERT INTO sma.indexed_partitions VALUES (%s, %s, %s, 0, 0) ON CONFLICT (kafka_partition) DO UPDATE "
            "SET max_log_time_ms = excluded.max_log_time_ms",
            (partition, next_offset, None if hours is None else at(hours) + 999),
        )

    def block(self, offsets, hours, series="A", partition=0):
        """Add a block; each day between its oldest and newest event gained one of them."""
        self.connection.execute(
            "INSERT INTO sma.offset_blocks VALUES (%s, %s, %s, 1, 0, 0, 0, %s, %s)",
            (partition, *offsets, at(hours[0]), at(hours[1])),
        )
        for day in range(int(hours[0] // 24), int(hours[1] // 24) + 1):
            self.series_day(DAY + timedelta(days=day), 1, series, partition, next_offset=offsets[1])

    def series_day(self, day, events=1, series="A", partition=0, next_offset=0):
        self.connection.execute(
            "INSERT INTO sma.series_days VALUES (%s, %s, 'm', %s, %s, %s) "
            "ON CONFLICT (kafka_partition, day, customer, metric) DO UPDATE "
            "SET event_count = greatest(series_days.event_count, excluded.event_count), "
            "next_offset = greatest(series_days.next_offset, excluded.next_offset)",
            (partition, series, day, events, next_offset),
        )

    def late(self, offset, hours, series="A", partition=0):
        self.connection.execute(
            "INSERT INTO sma.late_events VALUES (%s, %s, %s, 'm', %s, 0, %s)",
            (partition, offset, series, at(hours), at(NEXT_MORNING)),
        )

    def result(self, read_to, closed_hours=48.0, day=DAY, average="hour", reconciled_after=timedelta(seconds=1)):
        written_at = datetime(2026, 1, 1, tzinfo=UTC)
        self.connection.execute(
            "INSERT INTO sma.batch_days VALUES (%s, %s, %s, %s, 1, 'run', %s)",
            (day, average, Jsonb({"0": read_to}), instant(at(closed_hours)), written_at),
        )
        if reconciled_after is not None:
            self.connection.execute(
                "INSERT INTO sma.reconciliations VALUES ('run', %s, %s, 1, 1, 0, 0, 0, 0, 0, '{}', 0, %s)",
                (day, average, written_at + reconciled_after),
            )
