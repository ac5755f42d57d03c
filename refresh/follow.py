"""One refresh from its request to its end: every wait is bounded, and no other client's refresh is taken for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from refresh.clock import Clock
from refresh.connection import Model
from refresh.service import Accepted, Busy, Ending, PowerBi, State, Throttled, Unanswered

POLL_S = 15.0
BUSY_POLL_S = 15.0
TURN_S = 1200.0
CANCEL_S = 120.0
MOST_PARTITIONS = 100

Result = Ending | Literal["busy", "throttled"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a refresh; times in seconds since the Unix epoch.

    `request_id` and `accepted_at` are None where none was accepted, `retry_at` is when a quota allows the next.
    `waits` counts how often Power BI had to be asked again before it accepted.
    """

    status: Result
    request_id: str | None
    asked_at: float
    accepted_at: float | None
    ended_at: float
    waits: int
    error: str | None = None
    retry_at: float | None = None


def body_of(model: Model, days: Sequence[date]) -> dict[str, Any]:
    """Return what to ask for: on an enhanced model the partitions of the days, or the whole where there are none.

    A service principal's standard refresh has an empty body: notifyOption does not apply to it.
    """
    if not model.enhanced:
        return {}
    body: dict[str, Any] = {
        "type": "full",
        "commitMode": model.commit_mode,
        "maxParallelism": model.max_parallelism,
        "retryCount": 1,
    }
    if model.table and 0 < len(days) <= MOST_PARTITIONS:
        names = [day.strftime(model.partition_format) for day in days]
        body["objects"] = [{"table": model.table, "partition": name} for name in dict.fromkeys(names)]
        body["applyRefreshPolicy"] = False
    return body


def refresh_and_follow(
    service: PowerBi,
    body: dict[str, Any],
    clock: Clock,
    timeout_s: float,
    accepted: Callable[[str], None],
    progress: Progress,
) -> Outcome:
    """Ask for a refresh, wait for its turn, and follow it to its end.

    Args:
        service: where to ask.
        body: as `body_of` returns it.
        clock: what waits are measured with.
        timeout_s: how long a refresh may run before it is cancelled.
        accepted: is told the request id, at once.
        progress: is told what is waited for.

    Returns:
        What became of it, within TURN_S + timeout_s + CANCEL_S and the requests' own bounds.

    Raises:
        SmaError: Power BI refuses, or does not answer after several attempts.
    """
    asked_at = clock.now()
    waits = 0
    while True:
        wait_s, status, why = _turn(service, body)
        if isinstance(status, Accepted):
            break
        waits += 1
        if clock.now() + wait_s > asked_at + TURN_S:
            now = clock.now()
            retry_at = now + wait_s if status == "throttled" else None
            return Outcome(status, None, asked_at, None, now, waits, why, retry_at)
        progress(f"{why}: asking again in {wait_s:.0f} s")
        clock.sleep(wait_s)
    accepted_at = clock.now()
    accepted(status.request_id)
    state = _ended_by(service, status.request_id, clock, accepted_at + timeout_s)
    if state.ending is None:
        progress(f"request {status.request_id}: not ended after {timeout_s:.0f} s: cancelling it")
        service.cancel(status.request_id)
        after = _ended_by(service, status.request_id, clock, clock.now() + CANCEL_S)
        late = f"not ended after {timeout_s:.0f} s (SMA_POWERBI_TIMEOUT)"
        state = after if after.ending in ("completed", "failed") else State("timed_out", late)
    ending = state.ending or "timed_out"
    return Outcome(ending, status.request_id, asked_at, accepted_at, clock.now(), waits, state.error)


def _turn(service: PowerBi, body: dict[str, Any]) -> tuple[float, Accepted | Literal["busy", "throttled"], str]:
    """Ask once; how long to wait, what came of it, and why."""
    try:
        answer = service.trigger(body)
    except Unanswered as error:
        # If it did begin, the next request is refused until it has ended; its id is not known, so it is not ours.
        return BUSY_POLL_S, "busy", f"Power BI does not answer: {error}"
    if isinstance(answer, Busy):
        return BUSY_POLL_S, "busy", "another refresh of the model runs"
    if isinstance(answer, Throttled):
        return answer.retry_after_s, "throttled", answer.reason
    return 0, answer, ""


def _ended_by(service: PowerBi, request_id: str, clock: Clock, deadline: float) -> State:
    while True:
        state = service.state(request_id)
        if state.ending is not None or clock.now() >= deadline:
            return state
        clock.sleep(min(POLL_S, max(deadline - clock.now(), 0.1)))
