"""What the control of the job makes of Flink's answers; a small server of the test's own stands for Flink."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming import control
from streaming.rest import FlinkRest, RequestRefused, root_cause

TRACE = """org.apache.flink.runtime.JobException: Recovery is suppressed
\tat org.apache.flink.X.y(X.java:1)
Caused by: java.io.IOException: writing failed
\tat a.B.c(B.java:2)
Caused by: org.postgresql.util.PSQLException: ERROR: permission denied for table t
\tat d.E.f(E.java:3)
\t... 3 more
"""


class Flink:
    """Answers each path with what was put there; a list is answered one by one, its last item again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.status: dict[str, int] = {}
        self.requests: list[tuple[str, str, Any]] = []
        flink = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                path = self.path.partition("?")[0]
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                flink.requests.append((self.command, self.path, json.loads(body) if body else None))
                answer = flink.answers[path]
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                content = json.dumps(answer).encode()
                self.send_response(flink.status.get(path, 200))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def has_jobs(self, *jobs: dict[str, Any]) -> None:
        self.answers["/jobs/overview"] = {"jobs": list(jobs)}


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


def job(state: str, job_id: str = "a", started_ms: int = 1, running: int = 2, name: str = "j") -> dict[str, Any]:
    tasks = {"running": running, "total": 2}
    return {"jid": job_id, "name": name, "state": state, "start-time": started_ms, "tasks": tasks}


def settings(flink: Flink) -> Settings:
    return Settings(flink_url=flink.url, job_name="j")


def test_the_job_of_the_name_that_has_not_ended_is_found(flink: Flink) -> None:
    flink.has_jobs(job("FINISHED", "old", 9), job("RUNNING", "other", 8, name="k"), job("RESTARTING", "mine", 7))
    found = control.find_job(settings(flink))
    assert found is not None
    assert found.job_id == "mine"


def test_there_is_no_job_once_all_have_ended(flink: Flink) -> None:
    flink.has_jobs(job("FINISHED"), job("CANCELED"), job("FAILED"))
    assert control.find_job(settings(flink)) is None


def test_starting_a_job_that_runs_does_nothing(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING"))
    assert control.start(settings(flink)) == control.Started("a", was_running=True, resumed_from=None)


def test_a_fresh_start_of_a_job_that_runs_is_refused(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING"))
    with pytest.raises(SmaError, match="stop it before a fresh start"):
        control.start(settings(flink), fresh=True)


def test_stopping_where_nothing_runs_does_nothing(flink: Flink) -> None:
    flink.has_jobs()
    assert control.stop(settings(flink)) is None


def test_a_stop_takes_a_savepoint_and_drains_nothing(flink: Flink) -> None:
    flink.answers["/jobs/a/stop"] = {"request-id": "r"}
    flink.answers["/jobs/a/savepoints/r"] = [
        {"status": {"id": "IN_PROGRESS"}},
        {"status": {"id": "COMPLETED"}, "operation": {"location": "file:///s/savepoint-1"}},
    ]
    assert FlinkRest(flink.url).stop_with_savepoint("a", "file:///s", 10) == "file:///s/savepoint-1"
    assert flink.requests[0] == ("POST", "/jobs/a/stop", {"targetDirectory": "file:///s", "drain": False})


def test_a_savepoint_that_fails_says_why(flink: Flink) -> None:
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


def test_a_refusal_is_one_line(flink: Flink) -> None:
    flink.answers["/overview"] = {"errors": ["Not found", TRACE]}
    flink.status["/overview"] = 404
    with pytest.raises(RequestRefused) as refused:
        FlinkRest(flink.url).free_slots()
    assert str(refused.value) == f"Flink at {flink.url}: PSQLException: ERROR: permission denied for table t"


def test_a_cluster_that_is_down_is_named_with_what_to_do(flink: Flink) -> None:
    flink.close()
    with pytest.raises(SmaError, match=f"Flink does not answer at {flink.url}: run `sma up`"):
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


class Log:
    """Kafka, as far as `wait` asks: the log's ends, and how far checkpoints cover, call after call."""

    def __init__(self, ends: dict[int, int], read_to: list[dict[int, int]]) -> None:
        self._ends, self._read_to = ends, read_to

    def ends(self) -> dict[int, int]:
        return self._ends

    def read_to(self) -> dict[int, int]:
        return self._read_to.pop(0) if len(self._read_to) > 1 else self._read_to[0]


def wait_with(monkeypatch: pytest.MonkeyPatch, flink: Flink, log: Log, timeout_s: float = 10) -> list[str]:
    monkeypatch.setattr(control, "KafkaLog", lambda settings: log)
    monkeypatch.setattr(control, "POLL_S", 0.01)
    said: list[str] = []
    control.wait(settings(flink), timeout_s, said.append)
    return said


def test_waiting_ends_once_the_committed_offsets_reach_the_ends_of_its_beginning(
    monkeypatch: pytest.MonkeyPatch, flink: Flink
) -> None:
    flink.has_jobs(job("RUNNING"))
    flink.answers["/jobs/a/checkpoints"] = {"request-id": "r"}
    flink.answers["/jobs/a/checkpoints/r"] = {"status": {"id": "COMPLETED"}, "operation": {}}
    log = Log({0: 5, 1: 0}, [{0: 0, 1: 0}, {0: 3, 1: 0}, {0: 7, 1: 0}])
    assert wait_with(monkeypatch, flink, log) == ["5 records not confirmed yet", "2 records not confirmed yet"]


def test_waiting_for_an_empty_log_needs_no_job(monkeypatch: pytest.MonkeyPatch, flink: Flink) -> None:
    assert wait_with(monkeypatch, flink, Log({0: 0}, [{0: 0}])) == []


@pytest.mark.parametrize("state", ["FAILED", "FAILING", "RESTARTING"])
def test_waiting_for_a_job_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, flink: Flink, state: str) -> None:
    flink.has_jobs(job(state))
    flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": [{"stacktrace": TRACE}]}}
    with pytest.raises(SmaError, match=f"the job j is {state} .PSQLException: ERROR: permission denied for table t"):
        wait_with(monkeypatch, flink, Log({0: 1}, [{0: 0}]))


def test_waiting_without_a_job_says_what_to_do(monkeypatch: pytest.MonkeyPatch, flink: Flink) -> None:
    flink.has_jobs()
    with pytest.raises(SmaError, match="no job j at .*: run `sma stream start`"):
        wait_with(monkeypatch, flink, Log({0: 1}, [{0: 0}]))


def test_waiting_too_long_says_how_much_is_left(monkeypatch: pytest.MonkeyPatch, flink: Flink) -> None:
    flink.has_jobs(job("RUNNING", running=1))
    with pytest.raises(SmaError, match="the stream is still 4 records behind after 0 s"):
        wait_with(monkeypatch, flink, Log({0: 5}, [{0: 1}]), timeout_s=0.05)
