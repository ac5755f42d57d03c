"""Decides when the next refresh is due, from stored facts alone, so that a trigger can neither get lost nor pile up.

A refresh contains the reconciliations that could be read before its request was sent. So a reconciled day waits for as
long as no completed refresh contains it, whatever else has happened: two that end while a refresh runs wait for the
same next one. Every time is the database's, `Known.now` too: no second clock takes part.
"""

from dataclasses import dataclass

RETRY_S = 300.0
DAY_S = 86_400.0
LEFT_OPEN = "left open"


@dataclass(frozen=True, slots=True)
class Known:
    """What the audit trail and Dagster know; times in seconds since the Unix epoch, None where it never happened.

    Attributes:
        now: the database's clock.
        waiting_days: reconciled days whose newest reconciliation no completed refresh contains.
        tried_at: when the newest refresh, however it ended, was asked for.
        failed_at: when that one ended, if it did not complete.
        retry_at: before that, Power BI's quota refuses another.
        is_open: a request was accepted, and no run has recorded its end.
        looked_at: when reading its end last failed.
        accepted: when the requests accepted in the last 24 hours were sent, oldest first.
        refresh_under_way: a refresh is queued or runs.
        reconciliation_under_way: a pass over the log or a reconciliation is queued or runs.
    """

    now: float
    waiting_days: int = 0
    tried_at: float | None = None
    failed_at: float | None = None
    retry_at: float | None = None
    is_open: bool = False
    looked_at: float | None = None
    accepted: tuple[float, ...] = ()
    refresh_under_way: bool = False
    reconciliation_under_way: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to refresh now, and why, or why not."""

    is_due: bool
    why: str


def decide(known: Known, every_s: float, per_day: int) -> Decision:
    """Decide.

    Args:
        known: what is known.
        every_s: how long the model may at most go without a refresh being asked for, in seconds.
        per_day: how many refreshes a day may be asked for, spread evenly; 0 for as many as are due.
    """
    now = known.now
    if known.refresh_under_way:
        return Decision(False, "a refresh is queued or running: what has come since waits for the next one")
    if known.is_open:
        if known.looked_at is not None and now < known.looked_at + RETRY_S:
            return Decision(False, f"how a request ended is not known: another look in {_until(known, RETRY_S)} s")
        return Decision(True, LEFT_OPEN)
    if known.retry_at is not None and now < known.retry_at:
        return Decision(False, f"Power BI's quota is used up: the next refresh in {known.retry_at - now:.0f} s")
    if known.failed_at is not None and now < known.failed_at + RETRY_S:
        return Decision(False, f"the last refresh failed: another in {known.failed_at + RETRY_S - now:.0f} s")
    allowed_at = next_allowed(known.accepted, per_day)
    if now < allowed_at:
        used = f"{len(known.accepted)} of {per_day} refreshes in 24 hours"
        return Decision(False, f"{used}, spread evenly: the next in {allowed_at - now:.0f} s")
    if known.tried_at is None or now >= known.tried_at + every_s:
        return Decision(True, "time")
    if known.waiting_days and known.reconciliation_under_way:
        return Decision(False, "a reconciliation is under way: one refresh will contain it too")
    if known.waiting_days:
        return Decision(True, "reconciliation")
    return Decision(False, "nothing was reconciled since the last refresh")


def next_allowed(accepted: tuple[float, ...], per_day: int) -> float:
    """Return when a budget allows the next refresh, in seconds since the Unix epoch; 0 for at once.

    Args:
        accepted: when those of the last 24 hours were sent, oldest first.
        per_day: how many there may be in any 24 hours; 0 for any number.
    """
    if not per_day or not accepted:
        return 0.0
    spread = accepted[-1] + DAY_S / per_day
    return spread if len(accepted) < per_day else max(spread, accepted[-per_day] + DAY_S)


def _until(known: Known, pause_s: float) -> str:
    return f"{(known.looked_at or known.now) + pause_s - known.now:.0f}"
