"""The offset index as passes over made-up records write it, and batch results and reconciliations made by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from psycopg.types.json import Jsonb

from batch.index.index_pass import IndexPass, PassEnd
from batch.index.index_tables import write_pass
from batch.index.log_index import Rule
from batch.log.reader import Chunk
from sma.days import day_start_ms
from sma.instants import instant

DAY = date(2013, 1, 10)
HOUR_MS = 3_600_000
NEXT_MORNING = 33  # hours after the beginning of DAY
_RULE = Rule(allowed_lateness_ms=0, max_ahead_ms=0)
_NEVER_LATE_MS = 2**60
_NO_INTS = np.empty(0, np.int64)


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

    def block(self, offsets, hours, series="A", partition=0, last_block=None):
        """Add a block of one event at each offset, from the first to the last of these hours, at equal distances."""
        start, end = offsets
        times_ms = np.linspace(at(hours[0]), at(hours[1]), end - start).astype(np.int64)
        self.events(start, times_ms, [series] * times_ms.size, partition, last_block=last_block)

    def late(self, offset, hours, series="A", partition=0):
        """Add a late event."""
        self.events(offset, np.array([at(hours)]), [series], partition, is_late=True)

    def events(self, start, times_ms, series, partition=0, *, is_late=False, last_block=None):
        """Add a block of events from an offset on; the watermarks stay as they are."""
        max_log_time_ms = max(at(NEXT_MORNING), int(times_ms.max()) + 1)
        before = PassEnd(start, None, last_block, lambda names: dict.fromkeys(names, max_log_time_ms))
        done = IndexPass(before, 0 if is_late else _NEVER_LATE_MS, block_events=10**9)
        late = done.add(
            Chunk(
                records=times_ms.size,
                next_offset=start + times_ms.size,
                series_ids=np.array([done.series.number(each, "m") for each in series], np.int32),
                event_times_ms=times_ms,
                log_times_ms=times_ms,
                values_micros=np.zeros(times_ms.size, np.int64),
                kafka_offsets=np.arange(start, start + times_ms.size),
                heartbeat_offsets=_NO_INTS,
                heartbeat_times_ms=_NO_INTS,
                rejected_offsets=_NO_INTS,
                reasons=(),
            )
        )
        there = self.connection.execute(
            "SELECT next_offset, max_log_time_ms FROM sma.indexed_partitions WHERE kafka_partition = %s", (partition,)
        ).fetchone()
        self._move(partition, start, None)
        write_pass(self.connection, partition, _RULE, start if there else 0, done, [late], [], 0)
        if there:
            self._move(partition, max(there[0], done.next_offset), there[1])

    def _move(self, partition, next_offset, max_log_time_ms):
        self.connection.execute(
            "UPDATE sma.indexed_partitions SET next_offset = %s, max_log_time_ms = %s WHERE kafka_partition = %s",
            (next_offset, max_log_time_ms, partition),
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
