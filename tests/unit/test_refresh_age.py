"""How old is what readers see? A day of the real schedule, sensors' intervals and decision, by a clock of its own.

A window closes at every moment. It is reconciled by the first pass over the log that begins after it has closed, and in
the model by the first refresh whose request is sent once its reconciliation is stored.
"""

import heapq
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from orchestration.automation import index_every_12_minutes, reconcile_what_has_closed
from orchestration.refresh import refresh_what_was_reconciled
from powerbi.refresh.due import Known, decide
from powerbi.refresh.follow import POLL_S
from sma.durations import parse_duration
from sma.settings import Settings
from tests.support.powerbi_service import FakeClock

EVERY_S = parse_duration(Settings.model_fields["powerbi_refresh_every"].default) / 1000
DAY_S = 86_400
SETTLED_S = 3600


def pass_every_s() -> int:
    (minutes,) = re.fullmatch(r"\*/(\d+) \* \* \* \*", index_every_12_minutes.cron_schedule).groups()
    assert 60 % int(minutes) == 0  # or the hour's last pass would come sooner
    return int(minutes) * 60


@dataclass
class Day:
    """What happens, in order; what had closed until `stored` is reconciled, until `contained` known to be in the model.

    Readers see the stream's rows until `streamed` and the batch layer's until `seen`.
    """

    refresh_s: float
    is_failing: Callable[[int], bool] = lambda _number: False
    per_day: int = 0
    index_s: float = 30
    reconcile_s: float = 60
    start_s: float = 10
    clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))
    stored: float = 0
    contained: float = 0
    streamed: float = 0
    seen: float = 0
    is_reconciling: bool = False
    is_refreshing: bool = False
    tried_at: float | None = None
    failed_at: float | None = None
    accepted: list[float] = field(default_factory=list)
    worst_streamed: float = 0
    worst_reconciled: float = 0

    def __post_init__(self) -> None:
        self.agenda, self.order = [], count()
        self.at(0, self.pass_begins)
        self.at(0, self.refresh_sensor_looks)

    def at(self, moment: float, what: Callable, *arguments: float) -> None:
        heapq.heappush(self.agenda, (moment, next(self.order), what, arguments))

    def run(self) -> None:
        while self.agenda[0][0] < DAY_S:
            self.clock.time, _, what, arguments = heapq.heappop(self.agenda)
            what(*arguments)

    def pass_begins(self) -> None:
        now, interval_s = self.clock.now(), reconcile_what_has_closed.minimum_interval_seconds
        self.at(now + pass_every_s(), self.pass_begins)
        self.is_reconciling = True
        indexed_at = now + self.start_s + self.index_s
        looked_at = -(-indexed_at // interval_s) * interval_s
        self.at(looked_at + self.start_s + self.reconcile_s, self.reconciliation_is_stored, now)

    def reconciliation_is_stored(self, low_watermark: float) -> None:
        self.stored, self.is_reconciling = low_watermark, False

    def refresh_sensor_looks(self) -> None:
        now = self.clock.now()
        self.at(now + refresh_what_was_reconciled.minimum_interval_seconds, self.refresh_sensor_looks)
        known = Known(
            now=now,
            waiting_days=int(self.stored > self.contained),
            tried_at=self.tried_at,
            failed_at=self.failed_at,
            accepted=tuple(each for each in self.accepted if each > now - DAY_S),
            refresh_under_way=self.is_refreshing,
            reconciliation_under_way=self.is_reconciling,
        )
        if decide(known, EVERY_S, self.per_day).is_due:
            self.is_refreshing = True
            self.at(now + self.start_s, self.request_is_sent)

    def request_is_sent(self) -> None:
        now = self.clock.now()
        self.tried_at, self.failed_at = now, None
        self.accepted.append(now)
        polled_at = now + -(-self.refresh_s // POLL_S) * POLL_S
        if self.is_failing(len(self.accepted)):
            self.at(polled_at, self.refresh_failed)
        else:
            self.at(now + self.refresh_s, self.readers_see, now, self.stored)
            self.at(polled_at, self.refresh_ended, self.stored)

    def readers_see(self, streamed: float, reconciled: float) -> None:
        now = self.clock.now()
        if now > SETTLED_S:  # the oldest that was seen until now
            self.worst_streamed = max(self.worst_streamed, now - self.streamed)
            self.worst_reconciled = max(self.worst_reconciled, now - self.seen)
        self.streamed, self.seen = streamed, reconciled

    def refresh_ended(self, reconciled: float) -> None:
        self.contained, self.is_refreshing = reconciled, False

    def refresh_failed(self) -> None:
        self.failed_at, self.is_refreshing = self.clock.now(), False


def test_with_refreshes_of_ten_minutes_a_window_is_in_the_model_within_25_minutes():
    day = Day(refresh_s=600)
    day.run()
    print(f"worst: streamed {day.worst_streamed / 60:.1f} min, reconciled {day.worst_reconciled / 60:.1f} min")
    assert 12 * 60 < day.worst_streamed < day.worst_reconciled < 25 * 60


def test_refreshes_that_take_longer_than_the_schedule_leave_the_bound():
    day = Day(refresh_s=900)
    day.run()
    assert day.worst_reconciled > 25 * 60  # so the bound above is the schedule's doing


def test_a_refresh_that_fails_is_made_up_for_by_the_next():
    day = Day(refresh_s=600, is_failing=lambda number: number % 3 == 0)
    day.run()
    assert 25 * 60 < day.worst_reconciled < 50 * 60
    assert DAY_S - day.contained < 50 * 60  # nothing was lost on the way


@pytest.mark.parametrize("refresh_s", [10, 600])
def test_on_shared_capacity_the_model_is_three_hours_and_more_behind(refresh_s):
    day = Day(refresh_s=refresh_s, per_day=8)
    day.run()
    assert len(day.accepted) == 8
    assert 3 * 3600 < day.worst_reconciled < 3.5 * 3600 + refresh_s
