"""The batch layer's answers: a day of one average is written whole or not at all, and no poorer one replaces it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from psycopg.types.json import Jsonb

from batch.database import AS_OF, Connection, copy_in
from batch.days import day_start_ms, instant, milliseconds
from sma.durations import DAY_MS
from sma.errors import SmaError

_CREATE_COMPUTED = """
CREATE TEMPORARY TABLE IF NOT EXISTS computed (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    value_sum_micros numeric(38, 0) NOT NULL,
    event_count bigint NOT NULL
) ON COMMIT DELETE ROWS
"""
_COPY_COMPUTED = "COPY pg_temp.computed FROM STDIN (FORMAT csv)"
_LOCK_DAY = """
SELECT read_to
FROM sma.batch_days
WHERE day = %(day)s
    AND average = %(average)s
FOR UPDATE
"""
_DELETE_SUPERFLUOUS = """
DELETE FROM sma.batch_averages AS stored
WHERE stored.average = %(average)s
    AND stored.as_of >= %(from_time)s
    AND stored.as_of < %(until_time)s
    AND NOT EXISTS (
        SELECT
        FROM pg_temp.computed
        WHERE computed.customer = stored.customer
            AND computed.metric = stored.metric
            AND computed.as_of = stored.as_of
    )
"""
# a row that is already right keeps its written_at
_UPSERT_CHANGED = """
INSERT INTO sma.batch_averages AS stored (customer, metric, average, as_of, value_sum, event_count)
SELECT
    customer,
    metric,
    average,
    as_of,
    value_sum_micros * 0.000001,
    event_count
FROM pg_temp.computed
ON CONFLICT (customer, metric, average, as_of) DO UPDATE
SET value_sum = excluded.value_sum,
    event_count = excluded.event_count,
    written_at = excluded.written_at
WHERE (stored.value_sum, stored.event_count) IS DISTINCT FROM (excluded.value_sum, excluded.event_count)
"""
_RECORD_DAY = """
INSERT INTO sma.batch_days (day, average, read_to, closed_until, row_count, run_id)
VALUES (%(day)s, %(average)s, %(read_to)s, %(closed_until)s, %(row_count)s, %(run_id)s)
ON CONFLICT (day, average) DO UPDATE
SET read_to = excluded.read_to,
    closed_until = excluded.closed_until,
    row_count = excluded.row_count,
    run_id = excluded.run_id,
    written_at = excluded.written_at
"""
_READ_DAYS = """
SELECT
    day,
    average,
    read_to,
    closed_until
FROM sma.batch_days
WHERE day = ANY(%(days)s)
    AND average = ANY(%(averages)s)
ORDER BY day, average
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """From how much of the log a day of one average was computed: partition -> first Kafka offset not read."""

    day: date
    average: str
    read_to: Mapping[int, int]
    closed_until_ms: int

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """The day's closed windows: first `as_of`, and one past the last."""
        start = day_start_ms(self.day)
        return start, max(start, min(start + DAY_MS, self.closed_until_ms + 1))


@dataclass(frozen=True, slots=True)
class Written:
    """What writing an answer changed."""

    answer: Answer
    row_count: int
    rows_written: int
    rows_deleted: int


def write_answer(connection: Connection, answer: Answer, rows: pl.DataFrame, run_id: str) -> Written:
    """Make the stored day equal to `rows` (as `averages` of `batch.recompute`), in one transaction.

    Raises:
        SmaError: the stored answer was computed from more of the log than this one; it stays.
    """
    start = day_start_ms(answer.day)
    bound = {
        "day": answer.day,
        "average": answer.average,
        "from_time": instant(start),
        "until_time": instant(start + DAY_MS),
        "read_to": as_json(answer.read_to),
        "closed_until": instant(answer.closed_until_ms),
        "row_count": rows.height,
        "run_id": run_id,
    }
    with connection.transaction():
        connection.execute(_CREATE_COMPUTED)
        for (stored_read_to,) in connection.execute(_LOCK_DAY, bound):
            _refuse_poorer(answer, _offsets(stored_read_to))
        copy_in(connection, _COPY_COMPUTED, _as_computed(rows))
        connection.execute("ANALYZE pg_temp.computed")
        deleted = connection.execute(_DELETE_SUPERFLUOUS, bound).rowcount
        written = connection.execute(_UPSERT_CHANGED).rowcount
        connection.execute(_RECORD_DAY, bound)
    return Written(answer, rows.height, written, deleted)


def read_answers(connection: Connection, days: Sequence[date], averages: Sequence[str]) -> list[Answer]:
    """Return the answers of some days, by day and average.

    Raises:
        SmaError: one of them has not been computed.
    """
    found = connection.execute(_READ_DAYS, {"days": list(days), "averages": list(averages)}).fetchall()
    answers = [Answer(day, average, _offsets(read_to), milliseconds(closed)) for day, average, read_to, closed in found]
    missing = {(day, average) for day in days for average in averages} - {(held.day, held.average) for held in answers}
    if missing:
        day, average = min(missing)
        raise SmaError(
            f"{day}, average {average}: no batch answer to reconcile with: materialize batch_averages for it first"
        )
    return answers


def _refuse_poorer(answer: Answer, stored: Mapping[int, int]) -> None:
    for partition, read_to in stored.items():
        now = answer.read_to.get(partition, 0)
        if now < read_to:
            raise SmaError(
                f"{answer.day}, average {answer.average}: the stored answer was computed from partition {partition} to "
                f"Kafka offset {read_to}, but it now ends at {now}: the stored answer stays; is this another Kafka?"
            )


def _as_computed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("customer", "metric", "average", AS_OF, "value_sum_micros", "event_count")


def as_json(read_to: Mapping[int, int]) -> Jsonb:
    """Return Kafka offsets by partition as PostgreSQL stores them."""
    return Jsonb({str(partition): offset for partition, offset in sorted(read_to.items())})


def _offsets(read_to: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in read_to.items()}
