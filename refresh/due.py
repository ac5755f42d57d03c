"""When is the next refresh due? Worked out from what is known alone, so a trigger can neither get lost nor pile up.

A refresh contains what was in the database when it was accepted. So a reconciliation waits for one as long as none that
completed was asked for after it, whatever else has happened: two that end while a refresh runs wait for the same next
one.
"""

from dataclasses import dataclass

RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the audit trail and Dagster say; times in seconds since the Unix epoch, None where it never happened.

    Attributes:
        reconciled_at: when the newest reconciliation took its rows.
        contained_at: when the newest completed refresh was asked for.
        tried_at: when the newest refresh, however it ended, was asked for.
        failed_at: when that one ended, if it did not complete.
        retry_at: before that, a quota refuses another.
        refresh_under_way: a refresh is queued or runs.
        reconciliation_under_way: a pass over the log or a reconciliation is queued or runs.
    """

    reconciled_at: float | None = None
    contained_at: float | None = None
    tried_at: float | None = None
    failed_at: float | None = None
    retry_at: float | None = None
    refresh_under_way: bool = False
    reconciliation_under_way: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to refresh now, and why, or why not."""

    is_due: bool
    why: str


def decide(now: float, known: Known, every_s: float) -> Decision:
    """Decide; `every_s` is how long the model may at most go without a refresh being asked for, in seconds."""
    if known.refresh_under_way:
        return Decision(False, "a refresh is queued or running: what has come since waits for the next one")
    if known.retry_at is not None and now < known.retry_at:
        return Decision(False, f"Power BI's quota is used up: the next refresh in {known.retry_at - now:.0f} s")
    if known.failed_at is not None and now < known.failed_at + RETRY_S:
        return Decision(False, f"the last refresh failed: another in {known.failed_at + RETRY_S - now:.0f} s")
    if known.tried_at is None or now >= known.tried_at + every_s:
        return Decision(True, "time")
    waits = known.reconciled_at is not None and (known.contained_at is None or known.reconciled_at > known.contained_at)
    if waits and known.reconciliation_under_way:
        return Decision(False, "a reconciliation is under way: one refresh will contain it too")
    if waits:
        return Decision(True, "reconciliation")
    return Decision(False, "nothing was reconciled since the last refresh")
