"""Builds the metadata of a refresh of the Power BI model: request, durations, and the age of the visible data."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from powerbi.refresh.due import next_allowed
from powerbi.refresh.follow import NotAccepted
from powerbi.refresh.run import Refreshed


def in_one_line(refreshed: Refreshed, per_day: int) -> str:
    """Return the outcome, the reason, and the rest of the quota of `per_day` refreshes; 0 for no quota of our own."""
    outcome, known = refreshed.outcome, refreshed.known
    error = outcome.why if isinstance(outcome, NotAccepted) else outcome.error
    result = f"{outcome.status}: {error}" if error else outcome.status
    allowed_at = max(known.retry_at or 0, next_allowed(known.accepted, per_day))
    quota = f"; {len(known.accepted)} of {per_day} refreshes in 24 hours" if per_day else ""
    return result + quota + (f"; the next from {_time(allowed_at)} UTC" if allowed_at > known.now else "")


def refreshed_metadata(refreshed: Refreshed, per_day: int) -> dict[str, Any]:
    """Return the request, its duration, the age of the visible data at its end, and the quota; durations in s."""
    outcome, contained, request = refreshed.outcome, refreshed.contained, refreshed.request
    metadata: dict[str, Any] = {"status": outcome.status}
    if request is None:
        metadata |= {"request_id": "none was accepted", "waited_seconds": refreshed.ended_at - refreshed.asked_at}
    else:
        metadata |= {
            "request_id": request.request_id,
            "asked_by_run": dg.MetadataValue.dagster_run(request.run_id),
            "waited_seconds": request.accepted_at - request.asked_at,
            "refresh_seconds": refreshed.ended_at - request.accepted_at,
        }
    metadata["waits"] = outcome.waits if isinstance(outcome, NotAccepted) else request.waits if request else 0
    known = refreshed.known
    metadata["refreshes_in_24_hours"] = len(known.accepted)
    if per_day:
        metadata["refreshes_allowed_in_24_hours"] = per_day
    allowed_at = max(known.retry_at or 0, next_allowed(known.accepted, per_day))
    if allowed_at > known.now:
        metadata["quota_allows_next_at"] = dg.MetadataValue.timestamp(allowed_at)
    window_end = contained.window_end
    if window_end is not None:
        metadata["newest_reconciled_window"] = window_end.isoformat()
        metadata["visible_data_age_seconds"] = contained.visible_age_s
        for stage, written_at in (("streamed", contained.streamed_at), ("reconciled", contained.reconciled_at)):
            if written_at is not None:
                metadata[f"window_closed_to_{stage}_seconds"] = (written_at - window_end).total_seconds()
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in metadata.items()}


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"
