"""The audit trail: what each reconciliation compared, found and accounted for. Rows are added, never changed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl

from batch.reconciliation.accounting import Account
from batch.reconciliation.classify import DIFFERENCES_SCHEMA, Summary
from batch.results.batch_results import Answer, as_json
from batch.store.database import AS_OF, Connection, copy_in

_CREATE_DIFFERING = """
CREATE TEMPORARY TABLE IF NOT EXISTS differing (
    customer text NOT NULL,
    metric text NOT NULL,
    average text NOT NULL,
    as_of timestamptz NOT NULL,
    class text NOT NULL,
    is_explained boolean NOT NULL,
    late_event_count bigint NOT NULL,
    stream_value_sum_micros numeric(38, 0),
    stream_event_count bigint,
    batch_value_sum_micros numeric(38, 0),
    batch_event_count bigint
) ON COMMIT DELETE ROWS
"""
_COPY_DIFFERING = "COPY pg_temp.differing FROM STDIN (FORMAT csv)"
_ADD_DIFFERENCES = """
INSERT INTO sma.differences (
    run_id,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum,
    stream_event_count,
    batch_value_sum,
    batch_event_count,
    reconciled_at
)
SELECT
    %(run_id)s,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum_micros * 0.000001,
    stream_event_count,
    batch_value_sum_micros * 0.000001,
    batch_event_count,
    %(reconciled_at)s
FROM pg_temp.differing
"""
_ADD_RECONCILIATION = """
INSERT INTO sma.reconciliations (
    run_id,
    day,
    average,
    windows_compared,
    equal,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained,
    read_to,
    duration_seconds,
    reconciled_at
)
VALUES (
    %(run_id)s,
    %(day)s,
    %(average)s,
    %(windows_compared)s,
    %(equal)s,
    %(changed)s,
    %(missing_in_stream)s,
    %(extra_in_stream)s,
    %(explained)s,
    %(unexplained)s,
    %(read_to)s,
    %(duration_seconds)s,
    %(reconciled_at)s
)
"""
_ADD_ACCOUNT = """
INSERT INTO sma.accounting (
    run_id,
    kafka_partition,
    read_from,
    read_to,
    records,
    events_used,
    late_events,
    rejected_events,
    heartbeats
)
VALUES (
    %(run_id)s,
    %(kafka_partition)s,
    %(read_from)s,
    %(read_to)s,
    %(records)s,
    %(events_used)s,
    %(late_events)s,
    %(rejected_events)s,
    %(heartbeats)s
)
"""


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """What came of comparing one day of one average.

    `differences` is as `batch.reconciliation.classify.classify_differences` returns it.
    """

    answer: Answer
    summary: Summary
    differences: pl.DataFrame
    duration_seconds: float


def add_reconciliation(
    connection: Connection,
    run_id: str,
    days: Sequence[ReconciledDay],
    accounts: Sequence[Account],
    reconciled_at: datetime,
) -> None:
    """Add what a run found, whole or not at all.

    Args:
        connection: to the database.
        run_id: of the run.
        days: what was compared.
        accounts: what was accounted for.
        reconciled_at: a time before the rows were read, so that a batch row written since does not count as reconciled.
    """
    differences = pl.concat(day.differences for day in days) if days else pl.DataFrame(schema=DIFFERENCES_SCHEMA)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_ADD_ACCOUNT, [{"run_id": run_id, **asdict(account)} for account in accounts])
        cursor.executemany(_ADD_RECONCILIATION, [_reconciliation(run_id, day, reconciled_at) for day in days])
        cursor.execute(_CREATE_DIFFERING)
        copy_in(connection, _COPY_DIFFERING, _as_differing(differences))
        cursor.execute(_ADD_DIFFERENCES, {"run_id": run_id, "reconciled_at": reconciled_at})


def _reconciliation(run_id: str, day: ReconciledDay, reconciled_at: datetime) -> dict[str, object]:
    return {
        "run_id": run_id,
        "day": day.answer.day,
        "average": day.answer.average,
        **asdict(day.summary),
        "read_to": as_json(day.answer.read_to),
        "duration_seconds": round(day.duration_seconds, 3),
        "reconciled_at": reconciled_at,
    }


def _as_differing(differences: pl.DataFrame) -> pl.DataFrame:
    return differences.with_columns(AS_OF)
