"""Follows one refresh from its request to its end; every wait has a limit, and it ignores other clients' refreshes.

An outage is not an outcome: while Power BI does not answer, the request continues, and so does following it. Only Power
BI's own response ends it; past the limit the end is recorded as unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from powerbi.refresh.clock import Clock
from powerbi.refresh.service import Accepted, Busy, Ending, PowerBi, State, Throttled, Unanswered
from sma.errors import SmaError

POLL_S = 15.0
BUSY_POLL_S = 15.0
TURN_S = 1200.0
GIVE_UP_S = 3600.0

Result = Ending | Literal["refused", "busy", "throttled", "unknown"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Power BI began none: `refused` for good, `busy` or `throttled` for longer than is waited.

    `retry_after_s` is how long a quota wants to be left alone; `waits` counts the requests before this one.
    """

    status: Literal["refused", "busy", "throttled"]
    why: str
    waits: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How an accepted request ended, and the error of Power BI or of this project."""

    status: Ending | Literal["unknown"]
    error: str | None = None


def ask(
    service: PowerBi, prepare: Callable[[], dict[str, Any]], clock: Clock, progress: Progress
) -> tuple[str, int] | NotAccepted:
    """Ask for a refresh until it is accepted, for `TURN_S` seconds at most.

    Args:
        service: where to ask.
        prepare: is called just before each request is sent; returns its body.
        clock: what waits are measured with.
        progress: takes a line for each wait.

    Returns:
        The request id and how often Power BI had to be asked again; or why there is none.

    Raises:
        SmaError: what `prepare` raises.
    """
    started = clock.now()
    waits = 0
    while True:
        body = prepare()
        try:
            wait_s, outcome, why = _turn(service, body)
        except SmaError as error:
            return NotAccepted("refused", str(error), waits)
        if isinstance(outcome, Accepted):
            return outcome.request_id, waits
        if clock.now() + wait_s > started + TURN_S:
            return NotAccepted(outcome, why, waits, wait_s if outcome == "throttled" else None)
        waits += 1
        progress(f"{why}: asking again in {wait_s:.0f} s")
        clock.sleep(wait_s)


def follow(
    service: PowerBi, request_id: str, clock: Clock, accepted_at: float, timeout_s: float, progress: Progress
) -> Ended:
    """Follow a request to its end, through outages; cancel it when it takes too long.

    Args:
        service: where to ask.
        request_id: as the response to the request named it.
        clock: what waits are measured with.
        accepted_at: when it was accepted, by that clock; it may have been long ago.
        timeout_s: how long it may run before it is cancelled.
        progress: takes a line for each outage and for the cancellation.

    Returns:
        How it ended; unknown where Power BI has not reported it within `timeout_s` + `GIVE_UP_S` seconds of accepting.

    Raises:
        SmaError: the sign-in or the request is refused before that; the end is not known yet.
    """
    cancel_at, give_up_at = accepted_at + timeout_s, accepted_at + timeout_s + GIVE_UP_S
    is_cancelled = was_out = False
    while True:
        try:
            state, trouble, pause_s = service.state(request_id), None, POLL_S
            if clock.now() >= cancel_at and state.ending is None and not is_cancelled:
                service.cancel(request_id)
                is_cancelled = True
                progress(f"request {request_id}: not ended after {timeout_s:.0f} s (SMA_POWERBI_TIMEOUT): cancelled")
        except Unanswered as error:
            state, trouble, pause_s = State(None), str(error), max(POLL_S, error.retry_after_s or 0)
        except SmaError as error:
            if clock.now() < give_up_at:
                raise
            state, trouble, pause_s = State(None), str(error), POLL_S
        if state.ending is not None:
            late = f"not ended after {timeout_s:.0f} s (SMA_POWERBI_TIMEOUT), so it was cancelled"
            is_late = is_cancelled and state.ending == "cancelled"
            return Ended(state.ending, late if is_late else state.error)
        if clock.now() >= give_up_at:
            last = f"it does not answer: {trouble}" if trouble else "it reports that it still runs"
            total_s = timeout_s + GIVE_UP_S
            return Ended("unknown", f"Power BI has not reported the end for {total_s:.0f} s; last of all {last}")
        if trouble and not was_out:
            progress(f"Power BI does not answer ({trouble}): request {request_id} is followed on")
        was_out = trouble is not None
        clock.sleep(min(pause_s, max(give_up_at - clock.now(), 0.1)))


def _turn(service: PowerBi, body: dict[str, Any]) -> tuple[float, Accepted | Literal["busy", "throttled"], str]:
    """Ask once; return how long to wait, the outcome, and the reason."""
    try:
        outcome = service.trigger(body)
    except Unanswered as error:
        # If it did begin, the next request is refused until it has ended; its id is not known, so it is not ours.
        return max(BUSY_POLL_S, error.retry_after_s or 0), "busy", f"Power BI does not answer: {error}"
    if isinstance(outcome, Busy):
        return BUSY_POLL_S, "busy", "another refresh of the model runs"
    if isinstance(outcome, Throttled):
        return outcome.retry_after_s, "throttled", outcome.reason
    return 0, outcome, ""
