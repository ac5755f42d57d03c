"""How a job reaches Flink through its REST API; a small server of the test's own stands for Flink."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming.submit.submission import submit
from tests.support.fake_flink import TRACE, Flink

CONTENT = b"what the jar holds"
NAME = f"sma-streaming-{hashlib.sha256(CONTENT).hexdigest()[:16]}.jar"
UPLOADED = {"files": [{"id": "other", "name": "other.jar"}, {"id": f"1_{NAME}", "name": NAME}]}
EMPTY: dict[str, Any] = {"files": []}
RUN = f"/jars/1_{NAME}/run"
OPTIONS = {"pipeline.name": "j", "parallelism.default": "4"}
PLAN = {"windows": [], "database": {"password": "secret"}}


@pytest.fixture
def flink() -> Iterator[Flink]:
    """A cluster that has the jar and runs it."""
    server = Flink()
    server.answers |= {
        "/config": {"features": {"web-submit": True}},
        "/jars": UPLOADED,
        "/jars/upload": {"filename": f"/uploads/1_{NAME}", "status": "success"},
        RUN: {"jobid": "the-job"},
    }
    yield server
    server.close()


@pytest.fixture
def settings(flink: Flink, tmp_path: Path) -> Settings:
    (tmp_path / "sma-streaming.jar").write_bytes(CONTENT)
    return Settings(flink_url=flink.url, flink_jars=tmp_path)


def asked(flink: Flink) -> list[str]:
    return [f"{method} {path}" for method, path, _ in flink.requests if path != "/config"]


def test_a_jar_that_the_cluster_has_is_run_with_job_plan_and_options(flink: Flink, settings: Settings) -> None:
    assert submit(settings, OPTIONS, {"windows": []}, "SomeJob") == "the-job"
    assert asked(flink) == ["GET /jars", f"POST {RUN}"]
    request = flink.requests[-1][2]
    assert request["entryClass"] == "sma.streaming.job.Main"
    assert request["programArgsList"] == ["SomeJob", "--plan", '{"windows": []}']
    assert request["flinkConfiguration"] == OPTIONS


def test_a_jar_that_the_cluster_has_not_is_uploaded_under_a_name_that_tells_its_content(
    flink: Flink, settings: Settings
) -> None:
    flink.answers["/jars"] = EMPTY
    assert submit(settings, OPTIONS, PLAN) == "the-job"
    assert asked(flink) == ["GET /jars", "POST /jars/upload", f"POST {RUN}"]
    upload = flink.requests[-2][2]
    assert f'filename="{NAME}"'.encode() in upload
    assert CONTENT in upload


def test_another_version_of_the_jar_does_not_count(flink: Flink, settings: Settings) -> None:
    (settings.flink_jars / "sma-streaming.jar").write_bytes(b"another version")
    submit(settings, OPTIONS, PLAN)
    assert "POST /jars/upload" in asked(flink)


def test_a_jar_that_was_deleted_before_it_ran_is_uploaded_once_more(flink: Flink, settings: Settings) -> None:
    flink.answers["/jars"] = [UPLOADED, EMPTY]
    flink.answers[RUN] = [{"errors": ["Jar file does not exist"]}, {"jobid": "the-job"}]
    flink.status[RUN] = [400, 200]
    assert submit(settings, OPTIONS, PLAN) == "the-job"
    assert asked(flink) == ["GET /jars", f"POST {RUN}", "GET /jars", "POST /jars/upload", f"POST {RUN}"]


def test_a_refusal_names_the_job_and_the_root_cause_and_is_not_tried_again(flink: Flink, settings: Settings) -> None:
    flink.answers[RUN] = {"errors": [TRACE]}
    flink.status[RUN] = 400
    with pytest.raises(SmaError) as refused:
        submit(settings, OPTIONS, PLAN)
    assert str(refused.value) == (
        f"the job j could not be started: Flink at {flink.url}: PSQLException: ERROR: permission denied for table t"
    )
    assert asked(flink).count(f"POST {RUN}") == 1


def test_each_job_has_an_id_of_its_own_and_a_request_that_is_sent_twice_starts_one(
    flink: Flink, settings: Settings
) -> None:
    submit(settings, OPTIONS, PLAN)
    first = flink.requests[-1][2]["jobId"]
    # the connection broke before the answer, and the request was sent once more
    duplicate = "a.b.DuplicateJobSubmissionException: Job has already been submitted."
    flink.answers[RUN], flink.status[RUN] = {"errors": [duplicate]}, 400
    second = submit(settings, OPTIONS, PLAN)
    assert second == flink.requests[-1][2]["jobId"] != first


def test_a_cluster_that_takes_no_jars_is_named_with_the_ways_out(flink: Flink, settings: Settings) -> None:
    flink.answers["/config"] = {"features": {"web-submit": False}}
    with pytest.raises(SmaError, match=r"set web\.submit\.enable in its configuration, or SMA_FLINK_SUBMIT=client"):
        submit(settings, OPTIONS, PLAN)


def test_a_cluster_that_is_down_is_named_with_what_to_do(flink: Flink, settings: Settings) -> None:
    flink.close()
    with pytest.raises(SmaError, match=f"the job j could not be started: Flink does not answer at {flink.url}"):
        submit(settings, OPTIONS, PLAN)


def test_a_folder_without_a_jar_is_named_with_what_to_do(settings: Settings) -> None:
    (settings.flink_jars / "sma-streaming.jar").unlink()
    with pytest.raises(SmaError, match="no jars there: `make` builds them, or SMA_FLINK_JARS must name their folder"):
        submit(settings, OPTIONS, PLAN)
