"""A refresh is followed by its own request id to its end, whatever others do, and no wait is without a bound."""

from contextlib import closing
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from powerbi.refresh.follow import GIVE_UP_S, POLL_S, TURN_S, Ended, NotAccepted, ask, follow
from powerbi.refresh.plan import Plan, body_of
from powerbi.refresh.service import PowerBi
from sma.errors import SmaError
from tests.support.powerbi_service import FakeClock, Service, serving

TIMEOUT_S = 1200.0
VISIBLE_S = 60.0


@dataclass
class Followed:
    request_id: str | None
    outcome: Ended | NotAccepted
    asked_at: float
    accepted_at: float
    ended_at: float
    waits: int


def one(service, client, model, told) -> Followed:
    clock = service.clock
    asked_at = clock.now()
    answer = ask(client, lambda: body_of(model, Plan("model")), clock, told)
    if isinstance(answer, NotAccepted):
        return Followed(None, answer, asked_at, clock.now(), clock.now(), answer.waits)
    request_id, waits = answer
    accepted_at = clock.now()
    ended = follow(client, request_id, clock, accepted_at, TIMEOUT_S, told)
    return Followed(request_id, ended, asked_at, accepted_at, clock.now(), waits)


def run(service, model, times=1, told=lambda _: None):
    """What the client says of each refresh that it asked for."""
    with closing(PowerBi(model, service.clock)) as client:
        return [one(service, client, model, told) for _ in range(times)]


@pytest.mark.parametrize("enhanced", [True, False])
def test_of_a_thousand_refreshes_among_others_none_is_taken_for_another(enhanced):
    service = Service(FakeClock(), weights=(6, 2, 1, 1), others_every_s=60, token_seconds=900, duration_s=(5, 25))
    service.trouble, service.too_many, service.lag_s = 0.03, 0.02, 3
    with serving(service):
        followed = run(service, service.model(enhanced=enhanced), 1000)
    truth = service.by_id
    wrong = [
        each
        for each in followed
        if truth[each.request_id].client != "sma" or truth[each.request_id].ending.lower() != each.outcome.status
    ]
    assert wrong == []
    # no refresh that was told to be ours is lost, and each trigger came to one
    assert {held.request_id for held in service.refreshes if held.client == "sma" and held.told} == {
        each.request_id for each in followed
    }
    assert len({each.request_id for each in followed}) == 1000
    for each in followed:
        held = truth[each.request_id]
        assert each.outcome.status != "failed" or held.request_id in each.outcome.error
        assert held.began <= each.accepted_at <= each.ended_at
        assert held.ends <= each.ended_at <= held.ends + 5 * 40  # five in a row that say nothing
    # the test means something: while ours ran others came, newer than ours; some of ours were never told to us
    newest = [[held for held in service.refreshes if held.began <= each.ended_at][-1] for each in followed]
    assert sum(held.client == "other" for held in newest) > 100
    assert len({each.outcome.status for each in followed}) == 4
    assert any(not held.told for held in service.refreshes)


def test_a_failed_refresh_is_known_within_a_minute():
    service = Service(FakeClock(), weights=(0, 1, 0, 0))
    with serving(service):
        followed = run(service, service.model(), 100)
    late = [each.ended_at - service.by_id[each.request_id].ends for each in followed]
    assert {each.outcome.status for each in followed} == {"failed"}
    assert 0 <= max(late) <= POLL_S < VISIBLE_S


def test_a_refresh_that_does_not_end_is_cancelled():
    service = Service(FakeClock(), keep_going=True)
    with serving(service):
        (followed,) = run(service, service.model())
    assert (followed.outcome.status, service.refreshes[0].ending) == ("cancelled", "Cancelled")
    assert followed.ended_at - followed.accepted_at <= TIMEOUT_S + 2 * POLL_S
    assert "SMA_POWERBI_TIMEOUT" in followed.outcome.error


def test_a_standard_refresh_that_does_not_end_cannot_be_cancelled_and_is_unknown_in_the_end():
    service = Service(FakeClock(), keep_going=True)
    with serving(service):
        (followed,) = run(service, service.model(enhanced=False))
    assert followed.outcome.status == "unknown"
    assert "still runs" in followed.outcome.error
    assert 0 <= followed.ended_at - followed.accepted_at - (TIMEOUT_S + GIVE_UP_S) <= POLL_S


@pytest.mark.parametrize("ending", ["Completed", "Failed"])
@pytest.mark.parametrize("what", ["down_until", "token_down_until"])
def test_an_outage_is_no_outcome(what, ending):
    weights = (1, 0, 0, 0) if ending == "Completed" else (0, 1, 0, 0)
    service = Service(FakeClock(), weights=weights, token_seconds=90)
    told = []

    def begin_outage(line):
        told.append(line)

    with serving(service), closing(PowerBi(service.model(), service.clock)) as client:
        request_id, _ = ask(client, lambda: body_of(service.model(), Plan("model")), service.clock, begin_outage)
        began = service.clock.now()
        setattr(service, what, began + 1800)  # longer than the token lives, and than the refresh may take
        service.clock.sleep(60)
        ended = follow(client, request_id, service.clock, began, TIMEOUT_S, begin_outage)
    assert ended.status == ending.lower()
    assert began + 1800 <= service.clock.now() <= began + 1800 + 2 * POLL_S
    assert len(told) == 1  # an outage is told once, not at each look
    assert request_id in told[0]


def test_an_outage_without_an_end_is_unknown_and_never_failed():
    service = Service(FakeClock())
    with serving(service), closing(PowerBi(service.model(), service.clock)) as client:
        request_id, _ = ask(client, lambda: body_of(service.model(), Plan("model")), service.clock, lambda _: None)
        began = service.clock.now()
        service.down_until = float("inf")
        ended = follow(client, request_id, service.clock, began, TIMEOUT_S, lambda _: None)
    assert ended.status == "unknown"
    assert "does not answer" in ended.error
    assert service.clock.now() - began <= TIMEOUT_S + GIVE_UP_S + POLL_S


def test_a_request_that_power_bi_dropped_is_unknown_and_never_failed():
    service = Service(FakeClock(), lag_s=float("inf"))
    with serving(service):
        (followed,) = run(service, service.model())
    assert followed.outcome.status == "unknown"


def test_a_refused_sign_in_while_it_runs_is_an_error_and_no_outcome():
    service = Service(FakeClock())
    with serving(service):
        model = service.model(client_secret=SecretStr("rotated"))
        with closing(PowerBi(model, service.clock)) as client, pytest.raises(SmaError, match="sign-in"):
            follow(client, "id", service.clock, service.clock.now(), TIMEOUT_S, lambda _: None)


def test_another_refresh_that_does_not_end_is_waited_for_with_a_bound():
    service = Service(FakeClock(), keep_going=True)
    service._begin("other", service.clock.now(), {"type": "full"})
    with serving(service):
        (followed,) = run(service, service.model())
    assert (followed.outcome.status, followed.request_id) == ("busy", None)
    assert followed.ended_at - followed.asked_at <= TURN_S


def test_a_short_quota_is_waited_for_as_long_as_it_says():
    service = Service(FakeClock(), throttle_next=[300])
    with serving(service):
        (followed,) = run(service, service.model())
    assert (followed.outcome.status, followed.waits, service.posts) == ("completed", 1, 2)
    assert followed.accepted_at - followed.asked_at >= 300


def test_a_long_quota_is_told_and_not_waited_for():
    service = Service(FakeClock(), throttle_next=[7200])
    with serving(service):
        (followed,) = run(service, service.model())
    assert (followed.outcome.status, followed.outcome.retry_after_s, service.posts) == ("throttled", 7200, 1)


def test_the_ninth_refresh_of_a_day_on_shared_capacity_is_told_to_be_one_too_many():
    service = Service(FakeClock(), daily_quota=8)
    with serving(service):
        followed = run(service, service.model(enhanced=False), 9)
    assert [each.outcome.status for each in followed] == ["completed"] * 8 + ["throttled"]
    assert "exceeded limit" in followed[-1].outcome.why


def test_what_a_refresh_contains_is_looked_up_anew_before_each_request():
    service = Service(FakeClock(), throttle_next=[30, 30])
    prepared = []
    with serving(service), closing(PowerBi(service.model(), service.clock)) as client:

        def prepare():
            prepared.append((service.clock.now(), service.posts))
            return body_of(service.model(), Plan("model"))

        ask(client, prepare, service.clock, lambda _: None)
    began = prepared[0][0]
    assert prepared == [(began, 0), (began + 30, 1), (began + 60, 2)]


def test_a_refused_sign_in_is_one_line_without_the_secret():
    service = Service(FakeClock())
    with serving(service):
        (followed,) = run(service, service.model(client_secret=SecretStr("wrong-secret")))
    assert followed.outcome.status == "refused"
    assert "sign-in" in followed.outcome.why
    assert "wrong-secret" not in followed.outcome.why
