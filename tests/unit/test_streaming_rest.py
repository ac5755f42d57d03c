"""What the control of the job makes of Flink's answers; a small server of the test's own stands for Flink."""

from collections.abc import Iterator

import pytest

from clients.flink import FlinkRest, RequestRefused, root_cause
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.settings import Settings
from sma.window import CountWindow
from streaming.control import lifecycle
from tests.support.fake_flink import TRACE, Flink, job


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


AVERAGES = Averages(0, 0, 0, (Average("a", CountWindow(2), 1),))


def settings(flink: Flink) -> Settings:
    return Settings(flink_url=flink.url, job_name="j")


def test_the_job_of_the_name_that_has_not_ended_is_found(flink: Flink) -> None:
    flink.has_jobs(job("FINISHED", "old", 9), job("RUNNING", "other", 8, name="k"), job("RESTARTING", "mine", 7))
    found = lifecycle.find_job(settings(flink))
    assert found is not None
    assert found.job_id == "mine"


def test_there_is_no_job_once_all_have_ended(flink: Flink) -> None:
    flink.has_jobs(job("FINISHED"), job("CANCELED"), job("FAILED"))
    assert lifecycle.find_job(settings(flink)) is None


def test_starting_a_job_that_runs_does_nothing(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING"))
    flink.answers["/jobs/a/checkpoints"] = {"history": []}
    assert lifecycle.start(settings(flink), AVERAGES) == lifecycle.Started("a", was_running=True, resumed_from=None)


def test_a_fresh_start_of_a_job_that_runs_is_refused(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING"))
    flink.answers["/jobs/a/checkpoints"] = {"history": []}
    with pytest.raises(SmaError, match="stop it before a fresh start"):
        lifecycle.start(settings(flink), AVERAGES, fresh=True)


def test_a_job_that_is_being_stopped_is_waited_for(flink: Flink) -> None:
    #  the `stop` that asked for it was killed; the savepoint fails, and the job goes on
    stopping = {"status": "IN_PROGRESS", "checkpoint_type": "SYNC_SAVEPOINT"}
    flink.has_jobs(job("RUNNING"))
    flink.answers["/jobs/a/checkpoints"] = [
        {"history": [stopping]},
        {"history": [stopping]},
        {"history": [stopping | {"status": "FAILED"}]},
    ]
    assert lifecycle.start(settings(flink), AVERAGES).was_running


def test_two_jobs_of_one_name_are_refused(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING"), job("RUNNING") | {"jid": "b"})
    with pytest.raises(SmaError, match=r"^2 jobs j run at .* \(a, b\): cancel all but one in Flink's UI"):
        lifecycle.start(settings(flink), AVERAGES)


def test_stopping_where_nothing_runs_does_nothing(flink: Flink) -> None:
    flink.has_jobs()
    assert lifecycle.stop(settings(flink)) is None


def test_a_stop_takes_a_savepoint_and_drains_nothing(flink: Flink) -> None:
    flink.answers["/jobs/a/stop"] = {"request-id": "r"}
    flink.answers["/jobs/a/savepoints/r"] = [
        {"status": {"id": "IN_PROGRESS"}},
        {"status": {"id": "COMPLETED"}, "operation": {"location": "file:///s/savepoint-1"}},
    ]
    assert FlinkRest(flink.url).stop_with_savepoint("a", "file:///s", 10) == "file:///s/savepoint-1"
    assert flink.requests[0] == ("POST", "/jobs/a/stop", {"targetDirectory": "file:///s", "drain": False})


def test_a_savepoint_that_fails_has_its_cause(flink: Flink) -> None:
    flink.answers["/jobs/a/savepoints"] = {"request-id": "r"}
    failed = {"failure-cause": {"stack-trace": TRACE}}
    flink.answers["/jobs/a/savepoints/r"] = {"status": {"id": "COMPLETED"}, "operation": failed}
    with pytest.raises(
        RequestRefused, match="the savepoint failed: PSQLException: ERROR: permission denied for table t"
    ):
        FlinkRest(flink.url).savepoint("a", "file:///s", 10)


def test_an_operation_that_takes_too_long_is_given_up(flink: Flink) -> None:
    flink.answers["/jobs/a/checkpoints"] = {"request-id": "r"}
    flink.answers["/jobs/a/checkpoints/r"] = {"status": {"id": "IN_PROGRESS"}}
    with pytest.raises(SmaError, match="the checkpoint was not complete after 0 s"):
        FlinkRest(flink.url).checkpoint("a", 0.1)


def test_accumulators_are_those_of_the_end_and_not_those_that_flink_knew_before(flink: Flink) -> None:
    flink.answers["/jobs/a"] = [{"state": "RUNNING"}, {"state": "RUNNING"}, {"state": "FINISHED"}]
    flink.answers["/jobs/a/accumulators"] = {"user-task-accumulators": [{"name": "read_to.0", "value": "94"}]}
    assert FlinkRest(flink.url).final_accumulators("a", 5) == {"read_to.0": "94"}
    assert [path for _, path, _ in flink.requests] == 3 * ["/jobs/a"] + ["/jobs/a/accumulators"]


def test_a_job_that_does_not_end_has_no_final_accumulators(flink: Flink) -> None:
    flink.answers["/jobs/a"] = {"state": "RUNNING"}
    with pytest.raises(SmaError, match="the job a has not ended after 0 s"):
        FlinkRest(flink.url).final_accumulators("a", 0.1)


def test_a_refusal_is_one_line(flink: Flink) -> None:
    flink.answers["/overview"] = {"errors": ["Not found", TRACE]}
    flink.status["/overview"] = 404
    with pytest.raises(RequestRefused) as refused:
        FlinkRest(flink.url).free_slots()
    assert str(refused.value) == f"Flink at {flink.url}: PSQLException: ERROR: permission denied for table t"


def test_a_cluster_that_is_down_is_named_with_what_to_do(flink: Flink) -> None:
    flink.close()
    with pytest.raises(SmaError, match=rf"^Flink does not answer at {flink.url} \(no connection\): run `sma up`$"):
        FlinkRest(flink.url).free_slots()


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (TRACE, "PSQLException: ERROR: permission denied for table t"),
        ("java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "NullPointerException"),
        ("Job a not found", "Job a not found"),
        ("", "no reason given"),
    ],
)
def test_the_root_cause_of_a_stack_trace_is_its_last_one(trace: str, cause: str) -> None:
    assert root_cause(trace) == cause


def test_the_cause_of_a_failure_is_told_before_what_followed_from_it(flink: Flink) -> None:
    followed = {"stacktrace": "a.CompletionException\nCaused by: b.NoResourceAvailableException: no slots\n"}
    entries = [followed, {**followed, "concurrentExceptions": [{"stacktrace": TRACE}]}]
    flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": entries}}
    assert FlinkRest(flink.url).last_failure("a") == "PSQLException: ERROR: permission denied for table t"
    flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": [followed]}}
    assert FlinkRest(flink.url).last_failure("a") == "NoResourceAvailableException: no slots"
