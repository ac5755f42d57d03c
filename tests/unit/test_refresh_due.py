"""When a refresh is due, and what follows for the age of what readers see, over the real schedule."""

import re

import pytest

from orchestration.automation import index_every_12_minutes, reconcile_what_has_closed
from orchestration.refresh import refresh_what_was_reconciled
from refresh.due import Known, decide
from sma.durations import parse_duration
from sma.settings import Settings

EVERY_S = parse_duration(Settings.model_fields["powerbi_refresh_every"].default) / 1000
NOW = 100_000.0


@pytest.mark.parametrize(
    ("known", "is_due"),
    [
        (Known(), True),  # never refreshed
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 60, tried_at=NOW - 60), True),
        (Known(reconciled_at=NOW - 70, contained_at=NOW - 60, tried_at=NOW - 60), False),
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 60, tried_at=NOW - 60, refresh_under_way=True), False),
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 60, tried_at=NOW - 60, reconciliation_under_way=True), False),
        (Known(contained_at=NOW - EVERY_S, tried_at=NOW - EVERY_S, reconciliation_under_way=True), True),
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 9000, tried_at=NOW - 400, failed_at=NOW - 299), False),
        (Known(reconciled_at=NOW - 500, contained_at=NOW - 9000, tried_at=NOW - 400, failed_at=NOW - 301), True),
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 9000, tried_at=NOW - 9000, retry_at=NOW + 1), False),
        (Known(reconciled_at=NOW - 50, contained_at=NOW - 9000, tried_at=NOW - 9000, retry_at=NOW), True),
    ],
)
def test_a_refresh_is_due(known, is_due):
    assert decide(NOW, known, EVERY_S).is_due is is_due


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
            known = Known(reconciled_at, contained_at, tried_at, None, None, refreshing_ends is not None, under_way)
            if decide(now, known, EVERY_S).is_due:
                refresh_accepted, refresh_sees, tried_at = float(now + start_s), seen_by, float(now)
                refreshing_ends = refresh_accepted + refresh_s
    return worst_stream, worst_batch


def test_with_refreshes_of_ten_minutes_a_window_is_in_the_model_within_25_minutes():
    streamed, reconciled = simulate(refresh_s=600)
    print(f"worst: streamed {streamed / 60:.1f} min, reconciled {reconciled / 60:.1f} min")
    assert 12 * 60 < streamed < reconciled < 25 * 60


def test_refreshes_that_take_longer_than_the_schedule_leave_the_bound():
    assert simulate(refresh_s=900)[1] > 25 * 60  # so the bound above is the schedule's doing
