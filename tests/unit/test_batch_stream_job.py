"""Does the Flink job run? Asked of a Flink that is a script."""

import pytest
import requests

from batch.checks.stream_job import TIMEOUT_SECONDS, job_runs
from sma.settings import Settings

SETTINGS = Settings(flink_url="http://127.0.0.1:1", job_name="averages")


def answer(monkeypatch, jobs):
    class Response:
        def raise_for_status(self):
            return None

        def json(self):
            return {"jobs": [{"name": name, "state": state} for name, state in jobs]}

    asked = {}
    monkeypatch.setattr(requests, "get", lambda _url, **options: asked.update(options) or Response())
    return asked


@pytest.mark.parametrize(
    ("jobs", "fault"),
    [
        ([("averages", "RUNNING")], None),
        ([("averages", "FAILED"), ("averages", "RUNNING")], None),
        ([("averages", "FAILED"), ("averages", "RESTARTING")], "the job averages is restarting"),
        ([("averages", "FAILED")], "the job averages is failed"),
        ([("another", "RUNNING")], "the job averages is not there"),
        ([], "the job averages is not there"),
    ],
)
def test_only_a_running_job_runs(monkeypatch, jobs, fault):
    asked = answer(monkeypatch, jobs)
    finding = job_runs(SETTINGS)
    assert finding.passed == (fault is None)
    assert fault is None or finding.description.startswith(fault)
    assert asked == {"timeout": TIMEOUT_SECONDS}


def test_a_flink_that_is_down_is_a_finding():
    finding = job_runs(SETTINGS)
    assert (finding.passed, finding.is_error) == (False, True)
    assert finding.description == "Flink does not answer at http://127.0.0.1:1: `sma status`"
