"""Runs the operator's jar through Flink's REST API: uploads it where the cluster does not have it, and runs its main.

Source: Flink documentation, REST API, /jars. What a job computes and with which options is decided elsewhere.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from clients.flink import FlinkRest, RequestRefused
from sma.errors import SmaError

ENTRY_CLASS = "sma.streaming.job.Main"
# Flink answers once it has planned the job and read its snapshot, and the first job of a cluster loads all its classes.
_RUN_TIMEOUT_S = 120.0
_UPLOAD_TIMEOUT_S = 120.0


def run_jar(rest: FlinkRest, jar: Path, arguments: Sequence[str], options: Mapping[str, str]) -> str:
    """Run the jar's main with `arguments` and Flink's `options`, and return the id of the job that it submitted.

    If the uploads of the cluster are deleted in between, the jar is uploaded again.

    Raises:
        SmaError: the cluster takes no jars, or refused this one, or the job.
    """
    _require_uploads(rest)
    name, content = _named_by_content(jar)
    request = {
        "entryClass": ENTRY_CLASS,
        "programArgsList": list(arguments),
        "flinkConfiguration": dict(options),
        "jobId": secrets.token_hex(16),  # chosen here, so that a request that is sent twice starts one job
    }
    jar_id = _uploaded(rest, name) or _upload(rest, name, content)
    try:
        return _run(rest, jar_id, request)
    except RequestRefused:
        if _uploaded(rest, name) is not None:
            raise
    return _run(rest, _upload(rest, name, content), request)


def _require_uploads(rest: FlinkRest) -> None:
    if not rest.ask("GET", "/config")["features"]["web-submit"]:
        raise SmaError(
            "the cluster takes no jars: set web.submit.enable in its configuration, or SMA_FLINK_SUBMIT=client"
        )


def _named_by_content(jar: Path) -> tuple[str, bytes]:
    try:
        content = jar.read_bytes()
    except OSError as error:
        raise SmaError(f"{jar}: {error.strerror}: run `make setup`, which builds it") from error
    return f"{jar.stem}-{hashlib.sha256(content).hexdigest()[:16]}.jar", content


def _uploaded(rest: FlinkRest, name: str) -> str | None:
    """Return the id under which the cluster has a jar of that name; None where it has none.

    Two commands that upload it at the same time leave two copies with ids of their own; either one will do.
    """
    return next((jar["id"] for jar in rest.ask("GET", "/jars")["files"] if jar["name"] == name), None)


def _upload(rest: FlinkRest, name: str, content: bytes) -> str:
    upload = {"jarfile": (name, content, "application/x-java-archive")}
    answer = rest.ask("POST", "/jars/upload", timeout_s=_UPLOAD_TIMEOUT_S, files=upload)
    return str(answer["filename"]).rpartition("/")[2]


def _run(rest: FlinkRest, jar_id: str, request: Mapping[str, object]) -> str:
    try:
        answer = rest.ask("POST", f"/jars/{jar_id}/run", timeout_s=_RUN_TIMEOUT_S, json=request)
    except RequestRefused as refused:
        if "DuplicateJobSubmissionException" in str(refused):  # the connection broke after the first request
            return str(request["jobId"])
        raise
    return str(answer["jobid"])
