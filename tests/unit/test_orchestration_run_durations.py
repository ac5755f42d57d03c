"""How long a reconciliation takes, by how long earlier ones took, as Dagster lists them."""

import pytest

from orchestration.run_durations import EndedRun, Estimate, durations, estimate
from sma.errors import SmaError

ASSETS = [{"path": ["batch_averages"]}, {"path": ["reconciliations"]}]


def run(run_id, seconds=20.0, job="__ASSET_JOB", assets=ASSETS):
    ended = None if seconds is None else 1_000.0 + seconds
    return {"runId": run_id, "jobName": job, "startTime": 1_000.0, "endTime": ended, "assetSelection": assets}


def listed(*runs):
    return {"__typename": "Runs", "results": list(runs)}


def test_runs_of_both_assets_and_of_the_sensors_job_are_known_the_newest_first():
    found = listed(run("old", 30), run("new", 10, job="reconcile", assets=None))
    assert durations(found, {"new": 4, "old": 31}) == [EndedRun(4, 10), EndedRun(31, 30)]


@pytest.mark.parametrize("other", [run("a", job="audit", assets=None), run("a", assets=ASSETS[:1]), run("a", None)])
def test_an_audit_a_part_and_a_run_that_has_not_ended_are_left_out(other):
    assert durations(listed(other), {"a": 4}) == []


def test_a_run_that_reconciled_nothing_is_left_out():
    assert durations(listed(run("other")), {}) == []


def test_dagsters_refusal_is_one_line():
    with pytest.raises(SmaError, match="Dagster does not list its runs: too many"):
        durations({"__typename": "PythonError", "message": "too many"}, {})


@pytest.mark.parametrize(
    ("ended", "days", "expected"),
    [
        ([], [4], None),
        ([EndedRun(32, 20)], [], None),
        ([EndedRun(32, 20)], [4], Estimate(20, EndedRun(32, 20))),
        # the smallest of the runs that are no smaller; of two as large, the newest
        ([EndedRun(32, 20), EndedRun(5, 12), EndedRun(5, 99), EndedRun(1, 8)], [4], Estimate(12, EndedRun(5, 12))),
        # larger than all: in proportion to the largest
        ([EndedRun(32, 20), EndedRun(5, 12)], [64], Estimate(40, EndedRun(32, 20))),
        # one run after the other
        ([EndedRun(32, 20), EndedRun(5, 12)], [4, 31], Estimate(32, EndedRun(32, 20))),
    ],
)
def test_a_run_takes_as_long_as_the_one_most_like_it(ended, days, expected):
    assert estimate(ended, days) == expected
