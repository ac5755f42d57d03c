"""What some runs reconciled, summed up: the figures that a user is shown, and where to look first."""

from collections.abc import Sequence
from dataclasses import dataclass

from batch.explain.command import explain_command
from batch.store.database import connect
from sma.errors import SmaError
from sma.instants import milliseconds
from sma.settings import Settings

_READ_REPORT = """
WITH compared AS (
    SELECT
        coalesce(sum(windows_compared), 0)::bigint AS windows_compared,
        coalesce(sum(equal), 0)::bigint AS equal,
        coalesce(sum(changed), 0)::bigint AS changed,
        coalesce(sum(missing_in_stream), 0)::bigint AS missing_in_stream,
        coalesce(sum(extra_in_stream), 0)::bigint AS extra_in_stream,
        coalesce(sum(explained), 0)::bigint AS explained,
        coalesce(sum(unexplained), 0)::bigint AS unexplained
    FROM sma.reconciliations
    WHERE run_id = ANY(%(run_ids)s)
),
newest AS (
    SELECT DISTINCT ON (kafka_partition) *
    FROM sma.accounting
    WHERE run_id = ANY(%(run_ids)s)
    ORDER BY kafka_partition, read_to DESC
),
accounted AS (
    SELECT
        coalesce(sum(records), 0)::bigint AS records,
        coalesce(sum(events_used + late_events), 0)::bigint AS events,
        coalesce(sum(late_events), 0)::bigint AS late_events,
        coalesce(sum(rejected_events), 0)::bigint AS rejected_events,
        coalesce(sum(heartbeats), 0)::bigint AS heartbeats,
        coalesce(
            sum(abs(records - events_used - late_events - rejected_events - heartbeats)), 0
        )::bigint AS unaccounted,
        count(*) AS partitions
    FROM newest
)
SELECT
    events,
    late_events,
    rejected_events,
    windows_compared,
    equal,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained,
    records,
    heartbeats,
    unaccounted,
    partitions
FROM compared
CROSS JOIN accounted
"""

# what is unexplained first, then what is furthest off; no row counts as 0
_READ_WORST = """
SELECT
    customer,
    metric,
    average,
    as_of
FROM sma.differences
WHERE run_id = ANY(%(run_ids)s)
ORDER BY
    is_explained,
    abs(coalesce(batch_value_sum, 0) - coalesce(stream_value_sum, 0)) DESC,
    customer,
    metric,
    average,
    as_of
LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """Sums over the days of some runs; the counts of the log are of the run that read furthest, not summed.

    records = events + rejected_events + heartbeats, and unaccounted is how many records break that rule.
    """

    events: int
    late_events: int
    rejected_events: int
    windows_compared: int
    equal: int
    changed: int
    missing_in_stream: int
    extra_in_stream: int
    explained: int
    unexplained: int
    records: int
    heartbeats: int
    unaccounted: int


def reconciliation_report(settings: Settings, run_ids: Sequence[str]) -> ReconciliationReport:
    """Return what runs reconciled, as a reader of the database sees it.

    Raises:
        SmaError: the database does not answer, or no such run reconciled anything.
    """
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        row = connection.execute(_READ_REPORT, {"run_ids": list(run_ids)}).fetchone()
    if row is None or row[-1] == 0:
        raise SmaError(f"no reconciliation is recorded for run {', '.join(run_ids) or '(none)'}: see it in Dagster")
    return ReconciliationReport(*row[:-1])


def commands_of_differences(settings: Settings, run_ids: Sequence[str], most: int) -> list[str]:
    """Return the command that traces each of the worst differences that runs found, `most` at most.

    Raises:
        SmaError: the database does not answer.
    """
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        rows = connection.execute(_READ_WORST, {"run_ids": list(run_ids), "most": most}).fetchall()
    return [
        explain_command(customer, metric, average, milliseconds(as_of)) for customer, metric, average, as_of in rows
    ]
