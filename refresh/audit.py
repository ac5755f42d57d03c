"""The audit trail of refreshes, and what it and the reconciliations say of the next one: table `sma.refreshes`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from batch.database import Connection
from refresh.due import Known
from refresh.follow import Outcome

_SETTLE = """
UPDATE sma.refreshes
SET
    ended_at = now(),
    status = 'lost',
    error = 'the run ended without saying what became of it'
WHERE ended_at IS NULL
"""
_BEGIN = """
INSERT INTO sma.refreshes (
    run_id,
    refresh_type,
    reason,
    asked_at
)
VALUES (
    %(run_id)s,
    %(refresh_type)s,
    %(reason)s,
    %(asked_at)s
)
"""
_ACCEPT = """
UPDATE sma.refreshes
SET
    request_id = %(request_id)s,
    accepted_at = %(accepted_at)s
WHERE run_id = %(run_id)s
"""
_END = """
UPDATE sma.refreshes
SET
    ended_at = %(ended_at)s,
    status = %(status)s,
    error = %(error)s,
    retry_at = %(retry_at)s,
    waits = %(waits)s,
    window_end = %(window_end)s,
    streamed_at = %(streamed_at)s,
    reconciled_at = %(reconciled_at)s
WHERE run_id = %(run_id)s
"""
_KNOWN = """
SELECT
    (SELECT max(reconciled_at) FROM sma.reconciliations),
    (SELECT max(coalesce(accepted_at, asked_at)) FROM sma.refreshes WHERE status = 'completed'),
    newest.asked_at,
    CASE WHEN newest.status NOT IN ('completed', 'throttled') THEN newest.ended_at END,
    newest.retry_at
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT * FROM sma.refreshes ORDER BY asked_at DESC LIMIT 1) AS newest ON true
"""
# the newest reconciled window is in the newest day that was reconciled by then
_CONTAINED = """
WITH newest AS (
    SELECT
        held.day,
        max(held.reconciled_at) AS reconciled_at
    FROM sma.reconciliations AS held
    WHERE held.reconciled_at <= %(accepted_at)s
    GROUP BY held.day
    ORDER BY held.day DESC
    LIMIT 1
),
last_window AS (
    SELECT max(rows.as_of) AS as_of
    FROM sma.batch_averages AS rows, newest
    WHERE
        rows.as_of >= newest.day::timestamp AT TIME ZONE 'UTC'
        AND rows.as_of < (newest.day + 1)::timestamp AT TIME ZONE 'UTC'
        AND rows.written_at <= newest.reconciled_at
)
SELECT
    last_window.as_of,
    (SELECT max(rows.written_at) FROM sma.streaming_averages AS rows WHERE rows.as_of = last_window.as_of),
    newest.reconciled_at
FROM newest, last_window
WHERE last_window.as_of IS NOT NULL
"""
_CHANGED_DAYS = """
SELECT DISTINCT day
FROM sma.reconciliations
WHERE
    reconciled_at > %(since)s
"""
_STREAMED_BOUNDS = """
SELECT
    (SELECT max(window_end) FROM sma.refreshes WHERE status = 'completed'),
    (SELECT max(as_of) FROM sma.streaming_averages)
"""


@dataclass(frozen=True, slots=True)
class Contained:
    """The newest reconciled window that a refresh contains, and when it became what; None where not known."""

    window_end: datetime | None = None
    streamed_at: datetime | None = None
    reconciled_at: datetime | None = None


def read_known(connection: Connection) -> Known:
    """Return what the tables say; what is under way is Dagster's to tell."""
    row = connection.execute(_KNOWN).fetchone() or (None,) * 5
    reconciled_at, contained_at, tried_at, failed_at, retry_at = (each and each.timestamp() for each in row)
    return Known(reconciled_at, contained_at, tried_at, failed_at, retry_at)


def begin(connection: Connection, run_id: str, refresh_type: str, reason: str, asked_at: float) -> None:
    """Add a refresh; one that was left without an ending, by a run that died, is called lost."""
    with connection.transaction():
        connection.execute(_SETTLE)
        values = {"run_id": run_id, "refresh_type": refresh_type, "reason": reason, "asked_at": moment(asked_at)}
        connection.execute(_BEGIN, values)


def accept(connection: Connection, run_id: str, request_id: str, accepted_at: float) -> None:
    """Keep under which id Power BI refreshes."""
    values = {"run_id": run_id, "request_id": request_id, "accepted_at": moment(accepted_at)}
    connection.execute(_ACCEPT, values)


def end(connection: Connection, run_id: str, outcome: Outcome, contained: Contained) -> None:
    """Keep what became of it."""
    values: dict[str, Any] = {
        "run_id": run_id,
        "ended_at": moment(outcome.ended_at),
        "status": outcome.status,
        "error": outcome.error,
        "retry_at": moment(outcome.retry_at) if outcome.retry_at is not None else None,
        "waits": outcome.waits,
        "window_end": contained.window_end,
        "streamed_at": contained.streamed_at,
        "reconciled_at": contained.reconciled_at,
    }
    connection.execute(_END, values)


def read_contained(connection: Connection, accepted_at: float) -> Contained:
    """Return the newest window that had been reconciled when Power BI began to read."""
    row = connection.execute(_CONTAINED, {"accepted_at": moment(accepted_at)}).fetchone()
    return Contained(*row) if row else Contained()


def changed_days(connection: Connection, since: float | None) -> list[date]:
    """Return the days reconciled, or streamed, since a refresh that completed; none where there was no such refresh."""
    if since is None:
        return []
    days = {day for (day,) in connection.execute(_CHANGED_DAYS, {"since": moment(since)}).fetchall()}
    contained, streamed = connection.execute(_STREAMED_BOUNDS).fetchone() or (None, None)
    if contained is None or streamed is None:
        return []
    first, last = contained.astimezone(UTC).date(), streamed.astimezone(UTC).date()
    days |= {first + timedelta(days=index) for index in range((last - first).days + 1)}
    return sorted(days)


def moment(seconds: float) -> datetime:
    """Return seconds since the Unix epoch as a time."""
    return datetime.fromtimestamp(seconds, UTC)
