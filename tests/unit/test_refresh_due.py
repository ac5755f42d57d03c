"""When a refresh is due; what follows from it for the age of what readers see is tests/unit/test_refresh_age.py's."""

from itertools import pairwise

import pytest

from powerbi.refresh.due import LEFT_OPEN, Decision, Known, decide, next_allowed
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
