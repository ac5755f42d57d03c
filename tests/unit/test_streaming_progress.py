"""When a wait is over, and what it says before: Kafka's and Flink's answers are the test's own."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.flink import FlinkRest
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control import progress
from streaming.control.accounts import read_accounts
from tests.support.fake_flink import TRACE, Flink, job

METRIC = "1.averages.partition.{}.account"
VERTEX = "/jobs/a/vertices/v/metrics"


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    server.has_jobs(job("RUNNING"))
    server.answers["/jobs/a"] = {"state": "RUNNING", "vertices": [{"id": "v"}], "timestamps": {"RUNNING": 3}}
    server.answers["/jobs/a/checkpoints"] = {"request-id": "r"}
    server.answers["/jobs/a/checkpoints/r"] = {"status": {"id": "COMPLETED"}, "operation": {}}
    yield server
    server.close()


def account(partition: int, next_offset: int, used: int | None = None) -> dict[str, str]:
    text = f"0 {next_offset} {next_offset if used is None else used} 0 0 0 0 {next_offset - (used or next_offset)} 9"
    return {"id": METRIC.format(partition), "value": text}


def has_read(flink: Flink, *accounts: list[dict[str, str]]) -> None:
    """Answer with these, one set for each time that the names and then the values are asked for."""
    answers: list[Any] = [answer for each in accounts for answer in ([{"id": m["id"]} for m in each], each)]
    flink.answers[VERTEX] = [*answers[:-2], *(50 * answers[-2:])]


class Log:
    """Kafka, as far as `wait` asks: the log's ends, and how far checkpoints cover."""

    def __init__(self, ends: dict[int, int]) -> None:
        self._ends = ends

    def ends(self) -> dict[int, int]:
        return self._ends

    def read_to(self) -> dict[int, int]:
        return dict.fromkeys(self._ends, 0)


def wait_with(flink: Flink, log: Log, timeout_s: float = 10) -> list[str]:
    said: list[str] = []
    progress.wait(Settings(flink_url=flink.url, job_name="j"), timeout_s, said.append, log=log, poll_s=0.01)
    return said


def test_waiting_ends_once_a_checkpoint_covers_the_ends_of_its_beginning(flink: Flink) -> None:
    has_read(flink, [], [account(0, 3)], [account(0, 4), account(1, 2)], [account(0, 9), account(1, 2)])
    said = wait_with(flink, Log({0: 5, 1: 2}))
    assert said == ["7 records not committed yet", "4 records not committed yet", "1 records not committed yet"]


def test_a_checkpoint_after_a_failure_does_not_cover_what_was_read_before_it(flink: Flink) -> None:
    has_read(flink, [account(0, 5)])
    calm = flink.answers["/jobs/a"]
    restarted = {**calm, "timestamps": {"RUNNING": 4}}
    # each turn asks when the job began to run, for its vertices, and again when it began to run
    flink.answers["/jobs/a"] = [calm, calm, restarted, restarted]
    wait_with(flink, Log({0: 5}))
    assert len([request for request in flink.requests if request[0] == "POST"]) == 2


def test_waiting_for_an_empty_log_needs_no_job(flink: Flink) -> None:
    flink.has_jobs()
    assert wait_with(flink, Log({0: 0})) == []


@pytest.mark.parametrize("state", ["FAILED", "FAILING", "RESTARTING"])
def test_waiting_for_a_job_that_fails_raises_the_cause(flink: Flink, state: str) -> None:
    flink.has_jobs(job(state))
    flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": [{"stacktrace": TRACE}]}}
    with pytest.raises(SmaError, match=f"the job j is {state} .PSQLException: ERROR: permission denied for table t"):
        wait_with(flink, Log({0: 1}))


def test_waiting_without_a_job_names_the_command(flink: Flink) -> None:
    flink.has_jobs()
    with pytest.raises(SmaError, match="no job j at .*: run `sma stream start`"):
        wait_with(flink, Log({0: 1}))


def test_waiting_too_long_names_the_records_left(flink: Flink) -> None:
    flink.has_jobs(job("RUNNING", running=1))
    with pytest.raises(SmaError, match="the stream is still 5 records behind after 0 s"):
        wait_with(flink, Log({0: 5}), timeout_s=0.05)


@pytest.mark.parametrize(
    ("snapshots", "state", "resumes_from"),
    [
        ([], "NOT STARTED", None),
        (["checkpoints/job/chk-4"], "LOST", "checkpoint"),
        (["savepoints/savepoint-1", "checkpoints/job/chk-4"], "LOST", "checkpoint"),
        (["checkpoints/job/chk-4", "savepoints/savepoint-1"], "STOPPED", "savepoint"),
    ],
)
def test_a_job_that_flink_does_not_know_is_lost_unless_it_was_stopped_or_never_started(
    flink: Flink, tmp_path: Path, snapshots: list[str], state: str, resumes_from: str | None
) -> None:
    flink.has_jobs()
    settings = Settings(flink_url=flink.url, job_name="j", flink_storage=tmp_path.as_uri())
    for number, name in enumerate(snapshots):  # the newest last
        metadata = tmp_path / "j" / "20261129T090000.000000Z" / name / "_metadata"
        metadata.parent.mkdir(parents=True)
        metadata.write_bytes(struct.pack(">iiq", 0x4960672D, 6, number))
    found = progress.status(settings, log=Log({0: 5}))
    assert found.state == state
    assert (found.resumes_from.kind if found.resumes_from else None) == resumes_from


def test_a_job_that_flink_knows_is_as_flink_says(flink: Flink, tmp_path: Path) -> None:
    flink.has_jobs(job("FAILED"))
    flink.answers["/jobs/a/checkpoints"] = {"latest": {}}
    flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": []}}
    settings = Settings(flink_url=flink.url, job_name="j", flink_storage=tmp_path.as_uri())
    found = progress.status(settings, log=Log({0: 5}))
    assert (found.state, found.resumes_from) == ("FAILED", None)


def test_an_account_that_does_not_add_up_has_a_residue(flink: Flink) -> None:
    has_read(flink, [account(1, 5), account(0, 7, used=4)])
    accounts = read_accounts(FlinkRest(flink.url), "a")
    assert [(each.partition, each.next_offset, each.events_used, each.residue) for each in accounts] == [
        (0, 7, 4, 3),
        (1, 5, 5, 0),
    ]
