"""A refresh is followed by its own request id to its end, whatever others do, and no wait is without a bound."""

from contextlib import closing
from datetime import date

import pytest
from pydantic import SecretStr

from refresh.follow import CANCEL_S, POLL_S, TURN_S, body_of, refresh_and_follow
from refresh.service import ATTEMPTS, LONGEST_PAUSE_S, PowerBi
from sma.errors import SmaError
from tests.unit.powerbi_service import FakeClock, Service, serving

TIMEOUT_S = 1200.0


def run(service, model, times=1, days=()):
    """What the client says of each refresh that it asked for."""
    with closing(PowerBi(model, service.clock)) as client:
        return [
            refresh_and_follow(client, body_of(model, days), service.clock, TIMEOUT_S, lambda _: None, lambda _: None)
            for _ in range(times)
        ]


@pytest.mark.parametrize("enhanced", [True, False])
def test_of_a_thousand_refreshes_among_others_none_is_taken_for_another(enhanced):
    service = Service(FakeClock(), weights=(6, 2, 1, 1), others_every_s=60, token_seconds=900)
    service.trouble = 0.03
    with serving(service):
        outcomes = run(service, service.model(enhanced=enhanced), 1000)
    truth = {held.request_id: held for held in service.refreshes}
    followed = [outcome for outcome in outcomes if outcome.request_id]
    wrong = [
        o for o in followed if truth[o.request_id].client != "sma" or truth[o.request_id].ending.lower() != o.status
    ]
    assert wrong == []
    assert len(followed) == len({outcome.request_id for outcome in followed})
    # no refresh that was told to be ours is lost, and each trigger came to one
    assert {held.request_id for held in service.refreshes if held.client == "sma" and held.told} == {
        outcome.request_id for outcome in followed
    }
    assert len(followed) == 1000
    for outcome in followed:
        held = truth[outcome.request_id]
        assert outcome.status != "failed" or held.request_id in outcome.error
        assert held.began <= outcome.accepted_at <= outcome.ended_at
        late = POLL_S + ATTEMPTS * LONGEST_PAUSE_S
        assert held.ends <= outcome.ended_at <= held.ends + late
        assert outcome.ended_at - outcome.asked_at <= TURN_S + TIMEOUT_S + CANCEL_S + late
    # the test means something: others did come between, so the newest refresh was often not ours
    newest = [max((h for h in service.refreshes if h.began <= o.ended_at), key=lambda h: h.began) for o in followed]
    assert sum(held.client == "other" for held in newest) > 20
    assert any(not held.told for held in service.refreshes)


def test_a_refresh_that_does_not_end_is_cancelled():
    service = Service(FakeClock(), keep_going=True)
    with serving(service):
        (outcome,) = run(service, service.model())
    assert (outcome.status, service.refreshes[0].ending) == ("timed_out", "Cancelled")
    assert outcome.ended_at - outcome.accepted_at <= TIMEOUT_S + POLL_S + CANCEL_S
    assert "SMA_POWERBI_TIMEOUT" in outcome.error


def test_another_refresh_that_does_not_end_is_waited_for_with_a_bound():
    service = Service(FakeClock(), keep_going=True)
    service._begin("other", service.clock.now(), {"type": "full"})
    with serving(service):
        (outcome,) = run(service, service.model())
    assert (outcome.status, outcome.request_id) == ("busy", None)
    assert outcome.ended_at - outcome.asked_at <= TURN_S


def test_a_short_quota_is_waited_for_as_long_as_it_says():
    service = Service(FakeClock(), throttle_next=[300])
    with serving(service):
        (outcome,) = run(service, service.model())
    assert (outcome.status, outcome.waits, service.posts) == ("completed", 1, 2)
    assert outcome.accepted_at - outcome.asked_at >= 300


def test_a_long_quota_is_told_and_not_waited_for():
    service = Service(FakeClock(), throttle_next=[7200])
    with serving(service):
        (outcome,) = run(service, service.model())
    assert (outcome.status, outcome.retry_at - outcome.ended_at, service.posts) == ("throttled", 7200, 1)


def test_the_ninth_refresh_of_a_day_on_shared_capacity_is_told_to_be_one_too_many():
    service = Service(FakeClock(), daily_quota=8)
    with serving(service):
        outcomes = run(service, service.model(enhanced=False), 9)
    assert [outcome.status for outcome in outcomes] == ["completed"] * 8 + ["throttled"]
    assert "exceeded limit" in outcomes[-1].error


def test_a_refused_sign_in_is_one_line_without_the_secret():
    service = Service(FakeClock())
    with serving(service), pytest.raises(SmaError, match="sign-in") as caught:
        run(service, service.model(client_secret=SecretStr("wrong-secret")))
    assert "wrong-secret" not in str(caught.value)


def test_the_changed_days_are_partitions_of_the_table():
    service = Service(FakeClock())
    body = body_of(service.model(table="averages"), [date(2013, 1, 10), date(2013, 1, 11)])
    assert [each["partition"] for each in body["objects"]] == ["2013-01-10", "2013-01-11"]
    assert body_of(service.model(enhanced=False, table="averages"), [date(2013, 1, 10)]) == {}
