"""The batch layer's answers: a day of one average is written whole or not at all, and no poorer one replaces it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from psycopg.types.json import Jsonb

from batch.database import Connection
from batch.days import day_start_ms
from batch.recompute import KEY
from batch.stored_averages import add_batch_averages, read_averages, remove_batch_averages
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.instants import instant, milliseconds

# the first answer of a day makes its row, and whoever comes second waits here for the first
_CLAIM_DAY = """
INSERT INTO sma.batch_days (day, average, read_to, closed_until, row_count, run_id)
VALUES (%(day)s, %(average)s, %(read_to)s, %(closed_until)s, %(row_count)s, %(run_id)s)
ON CONFLICT (day, average) DO NOTHING
"""
# of a day without an answer, whatever stands there was not written by the batch layer
_CLEAR_DAY = """
DELETE FROM sma.batch_averages
WHERE average = %(average)s
    AND as_of >= %(from_time)s
    AND as_of < %(until_time)s
"""
_LOCK_DAY = """
SELECT read_to
FROM sma.batch_days
WHERE day = %(day)s
    AND average = %(average)s
FOR UPDATE
"""
_RECORD_DAY = """
UPDATE sma.batch_days
SET read_to = %(read_to)s,
    closed_until = %(closed_until)s,
    row_count = %(row_count)s,
    run_id = %(run_id)s,
    written_at = now()
WHERE day = %(day)s
    AND average = %(average)s
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

    A row that is already right keeps its written_at. `sma.batch_days` says whether the day is stored: it is written
    together with the rows, so of a day that it does not know all rows are copied in unseen.

    Raises:
        SmaError: the stored answer was computed from more of the log than this one, or a sum is too large to be
            stored; what is stored stays.
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
        if connection.execute(_CLAIM_DAY, bound).rowcount:
            cleared = connection.execute(_CLEAR_DAY, bound).rowcount
            add_batch_averages(connection, rows)
            return Written(answer, rows.height, rows.height, cleared)
        held = connection.execute(_LOCK_DAY, bound).fetchone()
        if held is None:
            raise SmaError(f"{answer.day}, average {answer.average}: no longer in sma.batch_days: run this again")
        _refuse_poorer(answer, _offsets(held[0]))
        stored = read_averages(connection, "batch_averages", answer.average, start, start + DAY_MS)
        wrong, missing = correction(stored, rows)
        remove_batch_averages(connection, wrong)
        add_batch_averages(connection, missing)
        connection.execute(_RECORD_DAY, bound)
    superfluous = wrong.join(missing, on=KEY, how="anti")
    return Written(answer, rows.height, missing.height, superfluous.height)


def correction(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what makes the stored rows equal to `rows`: those to remove, and those to add after that.

    A row whose pair has changed is in both. All of them are as `averages` of `batch.recompute`.
    """
    if stored.equals(rows):
        return stored.clear(), rows.clear()
    return stored.join(rows, on=rows.columns, how="anti"), rows.join(stored, on=rows.columns, how="anti")


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


def as_json(read_to: Mapping[int, int]) -> Jsonb:
    """Return Kafka offsets by partition as PostgreSQL stores them."""
    return Jsonb({str(partition): offset for partition, offset in sorted(read_to.items())})


def _offsets(read_to: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in read_to.items()}
