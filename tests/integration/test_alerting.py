"""Who is told, how soon, and who is left alone: real rules, Prometheus and Alertmanager, and a webhook that listens."""

import pytest

from tests.support.alerted import TOLD_WITHIN_S, restart_and_kill, watched

pytestmark = pytest.mark.nightly("restarts of every part, and a dead job")


@pytest.fixture(scope="module")
def alerted(open_place, slots, tmp_path_factory):
    """What was told while every part restarted, once the job was dead, and once it ran again."""
    with open_place() as place, watched(place, tmp_path_factory.mktemp("alerting")) as (prometheus, receiver):
        return restart_and_kill(place, prometheus, receiver)


def test_restarts_of_every_part_alert_nobody(alerted):
    assert alerted.fired_after_restarts == []
    assert alerted.told_after_restarts == set()


def test_a_dead_job_is_told_within_two_minutes(alerted):
    assert alerted.told_after_s <= TOLD_WITHIN_S


def test_a_dead_job_is_told_with_its_severity_its_runbook_and_how_much_waits(alerted):
    assert alerted.told["labels"]["severity"] == "page"
    assert alerted.told["annotations"]["runbook"] == "docs/runbooks/JobDown.md"
    assert "1 records wait" in alerted.told["annotations"]["summary"]


def test_a_dead_job_is_one_alert_and_no_other(alerted):
    assert alerted.told_of_dead_job == {"JobDown"}


def test_the_status_shows_the_alert_of_a_dead_job(alerted):
    assert alerted.seen == [("JobDown", "page")]


def test_a_job_that_runs_again_resolves_its_alert(alerted):
    assert alerted.is_resolved


def test_the_dead_mans_switch_is_posted_to_after_the_restarts_too(alerted):
    assert alerted.switch_posts >= 2
