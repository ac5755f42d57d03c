"""What a refresh of the Power BI model tells in the UI: its request, its durations, and how old what readers see is."""

from typing import Any

import dagster as dg

from refresh.follow import NotAccepted
from refresh.run import Refreshed


def error_of(refreshed: Refreshed) -> str | None:
    """Return why it did not complete, where that is known."""
    return refreshed.outcome.why if isinstance(refreshed.outcome, NotAccepted) else refreshed.outcome.error


def refreshed_metadata(refreshed: Refreshed) -> dict[str, Any]:
    """Return its request, how long it took, and how old what readers see is at its end; durations in seconds."""
    outcome, contained, request = refreshed.outcome, refreshed.contained, refreshed.request
    told: dict[str, Any] = {"status": outcome.status}
    if request is None:
        told |= {"request_id": "none was accepted", "waited_seconds": refreshed.ended_at - refreshed.asked_at}
    else:
        told |= {
            "request_id": request.request_id,
            "asked_by_run": dg.MetadataValue.dagster_run(request.run_id),
            "waited_seconds": request.accepted_at - request.asked_at,
            "refresh_seconds": refreshed.ended_at - request.accepted_at,
        }
    told["waits"] = outcome.waits if isinstance(outcome, NotAccepted) else request.waits if request else 0
    if isinstance(outcome, NotAccepted) and outcome.retry_after_s is not None:
        told["quota_allows_next_in_seconds"] = outcome.retry_after_s
    window_end = contained.window_end
    if window_end is not None:
        told["newest_reconciled_window"] = window_end.isoformat()
        told["visible_data_age_seconds"] = contained.visible_age_s
        for stage, reached in (("streamed", contained.streamed_at), ("reconciled", contained.reconciled_at)):
            if reached is not None:
                told[f"window_closed_to_{stage}_seconds"] = (reached - window_end).total_seconds()
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in told.items()}
