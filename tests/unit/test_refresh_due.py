"""When a refresh is due, and what follows for the age of what readers see, over the real schedule."""

import re
from itertools import pairwise

import pytest

from orchestration.automation import index_every_12_minutes, reconcile_what_has_closed
from orchestration.refresh import refresh_what_was_reconciled
from refresh.due import LEFT_OPEN, Decision, Known, decide, next_allowed
from sma.durations import parse_duration
from sma.settings import Settings

EVERY_S = parse_duration(Settings.model_fields["powerbi_refresh_every"].default) / 1000
NOW = 100_000.0


def known(**changed) -> Known:
    return Known(**({"now": NOW, "tried_at": NOW - 60} | changed))


@pytest.mark.parametrize(
    ("known", "is_due", "why"),
    [
        (Known(NOW), True, "time"),  # never refreshed
        (known(), False, "nothing was reconciled"),
        (known(waiting_days=1), True, "reconciliation"),
        (known(waiting_days=1, refresh_under_way=True), False, "queued or running"),
        (known(waiting_days=1, reconciliation_under_way=True), False, "under way"),
        (known(tried_at=NOW - EVERY_S, reconciliation_under_way=True), True, "time"),
        (known(waiting_days=1, failed_at=NOW - 299), False, "failed: another in 1 s"),
        (known(waiting_days=1, failed_at=NOW - 300), True, "reconciliation"),
        (known(waiting_days=1, retry_at=NOW + 1), False, "quota is used up: the next refresh in 1 s"),
        (known(waiting_days=1, retry_at=NOW), True, "reconciliation"),
        (known(is_open=True), True, LEFT_OPEN),
        (known(is_open=True, refresh_under_way=True), False, "queued or running"),
        (known(is_open=True, looked_at=NOW - 299), False, "another look in 1 s"),
        (known(is_open=True, looked_at=NOW - 300), True, LEFT_OPEN),
    ],
)
def test_a_refresh_is_due(known, is_due, why):
    decision = decide(known, EVERY_S, per_day=0)
    assert decision.is_due is is_due
    assert why in decision.why


@pytest.mark.parametrize(
    ("ages_h", "per_day", "in_h"),
    [
        ([], 8, None),
        ([2.9], 8, 0.1),
        ([3], 8, 0),
        ([0.1], 0, None),  # no budget
        ([23, 22, 21, 20, 19, 18, 17, 16], 8, 1),  # all eight at once, by hand: the first must be a day old
    ],
)
def test_a_budget_spreads_the_refreshes_over_the_day(ages_h, per_day, in_h):
    allowed_at = next_allowed(tuple(NOW - age * 3600 for age in ages_h), per_day)
    assert allowed_at == (0 if in_h is None else pytest.approx(NOW + in_h * 3600))


def test_a_budget_holds_a_refresh_that_is_due_and_says_so():
    held = decide(known(waiting_days=1, accepted=(NOW - 3600,)), EVERY_S, per_day=8)
    assert held == Decision(False, "1 of 8 refreshes in 24 hours, spread evenly: the next in 7200 s")


def test_with_a_budget_of_eight_no_day_sees_nine():
    accepted: list[float] = []
    for now in range(0, 3 * 86_400, 30):
        recent = tuple(each for each in accepted if each > now - 86_400)
        if decide(Known(float(now), 1, accepted=recent), EVERY_S, per_day=8).is_due:
            accepted.append(float(now))
    assert len(accepted) == 3 * 8
    assert {round(later - earlier) for earlier, later in pairwise(accepted)} == {3 * 3600}


def pass_every_s() -> int:
    (minutes,) = re.fullmatch(r"\*/(\d+) \* \* \* \*", index_every_12_minutes.cron_schedule).groups()
    assert 60 % int(minutes) == 0  # or the hour's last pass would come sooner
    return int(minutes) * 60


def simulate(refresh_s: int, index_s: int = 30, reconcile_s: int = 60, start_s: int = 10, hours: int = 24):
    """Worst seconds from a window's close until a completed refresh contains it: its streamed row, its batch row.

    A window closes each second. It is reconciled by the first pass over the log that begins after it has closed, and in
    the model by the first refresh that is accepted once its row is there. Sensors look as often as they do.
    """
    every_s = pass_every_s()
    next_pass = float(every_s)
    indexing_ends = reconciling_begins = reconciling_ends = None
    pass_began = seen_by = 0.0
    refreshing_ends = refresh_accepted = refresh_sees = None
    reconciled_at = contained_at = tried_at = None
    stream_seen, batch_seen = 0.0, 0.0
    worst_stream = worst_batch = 0.0
    for now in range(hours * 3600):
        if now >= next_pass:
            next_pass, pass_began, indexing_ends = next_pass + every_s, now, now + start_s + index_s
        if (
            indexing_ends is not None
            and now >= indexing_ends
            and now % reconcile_what_has_closed.minimum_interval_seconds == 0
        ):
            indexing_ends, reconciling_begins = None, now + start_s
            reconciling_ends = reconciling_begins + reconcile_s
        if reconciling_ends is not None and now >= reconciling_ends:
            reconciled_at, seen_by, reconciling_ends = float(reconciling_begins), pass_began, None
        if refreshing_ends is not None and now >= refreshing_ends:
            if now > 3600:  # from a settled state on
                worst_stream = max(worst_stream, now - stream_seen)
                worst_batch = max(worst_batch, now - batch_seen)
            stream_seen, batch_seen = refresh_accepted, refresh_sees
            contained_at, refreshing_ends = refresh_accepted, None
        if now % refresh_what_was_reconciled.minimum_interval_seconds == 0:
            under_way = indexing_ends is not None or reconciling_ends is not None
            known = Known(
                now=float(now),
                waiting_days=int(reconciled_at is not None and (contained_at is None or reconciled_at > contained_at)),
                tried_at=tried_at,
                refresh_under_way=refreshing_ends is not None,
                reconciliation_under_way=under_way,
            )
            if decide(known, EVERY_S, per_day=0).is_due:
                refresh_accepted, refresh_sees, tried_at = float(now + start_s), seen_by, float(now)
                refreshing_ends = refresh_accepted + refresh_s
    return worst_stream, worst_batch


def test_with_refreshes_of_ten_minutes_a_window_is_in_the_model_within_25_minutes():
    streamed, reconciled = simulate(refresh_s=600)
    print(f"worst: streamed {streamed / 60:.1f} min, reconciled {reconciled / 60:.1f} min")
    assert 12 * 60 < streamed < reconciled < 25 * 60


def test_refreshes_that_take_longer_than_the_schedule_leave_the_bound():
    assert simulate(refresh_s=900)[1] > 25 * 60  # so the bound above is the schedule's doing
