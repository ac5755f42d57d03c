"""Whether the Flink job runs, asked of a small server that answers as Flink's REST API does."""

import pytest

from batch.checks.stream_job import job_runs
from sma.settings import Settings
from tests.support.fake_flink import Flink, job

NOBODY = Settings(flink_url="http://127.0.0.1:1", job_name="averages")


@pytest.fixture
def flink():
    server = Flink()
    yield server
    server.close()


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
def test_only_a_running_job_runs(flink, jobs, fault):
    flink.has_jobs(*(job(state, name=name) for name, state in jobs))
    finding = job_runs(Settings(flink_url=flink.url, job_name="averages"))
    assert finding.passed == (fault is None)
    assert fault is None or finding.description.startswith(fault)


def test_a_flink_that_is_down_is_a_finding():
    finding = job_runs(NOBODY)
    assert (finding.passed, finding.is_error) == (False, True)
    assert finding.description == "Flink does not answer at http://127.0.0.1:1 (no connection): run `sma up`"
