"""Runs one refresh: requests it and follows it to its end, or follows one that an earlier run left open."""

import logging
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from powerbi.refresh.audit import Contained, Trail
from powerbi.refresh.clock import Clock
from powerbi.refresh.connection import Model
from powerbi.refresh.due import Known
from powerbi.refresh.follow import Ended, NotAccepted, Progress, ask, follow
from powerbi.refresh.plan import body_of, plan
from powerbi.refresh.service import PowerBi
from sma.errors import SmaError
from sma.settings import DatabaseSettings

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """An accepted request; times in seconds since the Unix epoch, by the clock that waits are measured with.

    `run_id` is of the run that asked; `waits` counts how often it had to ask again.
    """

    run_id: str
    request_id: str
    asked_at: float
    accepted_at: float
    waits: int


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of a refresh; `request` is None where none was accepted, times are of the same clock.

    `known` is what is known of the next one, by the database's clock.
    """

    outcome: Ended | NotAccepted
    contained: Contained
    asked_at: float
    ended_at: float
    known: Known
    request: Request | None = None


def refresh_model(
    settings: DatabaseSettings, model: Model, clock: Clock, run_id: str, reason: str, progress: Progress
) -> Refreshed:
    """Refresh the model, or follow the request that a run left open, and return the result.

    Where a request is open, that one alone is followed: the model is refreshed once at a time.

    Args:
        settings: how the database is reached.
        model: what to refresh.
        clock: what waits are measured with.
        run_id: is stored with the refresh.
        reason: likewise.
        progress: takes a line for each wait.

    Raises:
        SmaError: the database does not answer, or Power BI refuses to give the state of the request. It stays open.
    """
    trail = Trail(settings)
    with closing(PowerBi(model, clock)) as service:
        left = trail.open_request()
        if left is not None:
            now = clock.now()
            request = Request(
                left.run_id, left.request_id, now - left.asked_age_s, now - left.accepted_age_s, left.waits
            )
            progress(f"request {left.request_id}, which run {left.run_id} left open, is followed to its end")
        else:
            outcome = _asked(trail, service, model, clock, run_id, reason, progress)
            if isinstance(outcome, Refreshed):
                return outcome
            request = outcome
        try:
            ended = follow(service, request.request_id, clock, request.accepted_at, model.timeout_s, progress)
        except SmaError:
            trail.record_failed_check(request.run_id)
            raise
        _log_failure(ended)
        contained = trail.end(request.run_id, ended)
        return Refreshed(ended, contained, request.asked_at, clock.now(), trail.known(), request)


def _asked(
    trail: Trail, service: PowerBi, model: Model, clock: Clock, run_id: str, reason: str, progress: Progress
) -> Request | Refreshed:
    asked_at = clock.now()
    trail.begin(run_id, "enhanced" if model.enhanced else "standard", reason)

    def prepare() -> dict[str, Any]:
        planned = trail.prepare(run_id, lambda contents: plan(model, contents))
        progress(f"asking for {planned.scope}: {', '.join(planned.partitions) or 'all that it takes'}")
        return body_of(model, planned)

    outcome = ask(service, prepare, clock, progress)
    if isinstance(outcome, NotAccepted):
        _log_failure(outcome)
        return Refreshed(outcome, trail.end(run_id, outcome), asked_at, clock.now(), trail.known())
    request_id, waits = outcome
    request = Request(run_id, request_id, asked_at, clock.now(), waits)
    trail.accept(run_id, request_id, waits)
    progress(f"Power BI refreshes under the request id {request_id}")
    return request


def _log_failure(outcome: Ended | NotAccepted) -> None:
    """Log a refresh that did not complete; a quota that is used up, or another client's refresh, is no error."""
    if outcome.status != "completed":
        why = outcome.why if isinstance(outcome, NotAccepted) else outcome.error
        level = logging.WARNING if outcome.status in ("throttled", "busy") else logging.ERROR
        _LOG.log(level, "the refresh: %s: %s", outcome.status, why, extra={"outcome": outcome.status})
