"""Flink's REST API, as far as the control of one job needs it.

Source: Flink documentation, REST API. What a job is for belongs to streaming/control/lifecycle.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
)
from tenacity.wait import wait_fixed

from clients.answers import ANSWER_TIMEOUT_S
from clients.http import read_json, send
from sma.errors import SmaError

POLL_S = 0.2
CONNECT_ATTEMPTS = 3
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED", "SUSPENDED"})

# A TaskManager that is gone, or slots that are missing after it: mostly the consequence of an earlier failure.
_CONSEQUENCES = ("NoResourceAvailableException", "FlinkExpectedException", "JobMasterException")


class RequestRefused(SmaError):
    """Flink refused a request."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the cluster, running or not."""

    job_id: str
    name: str
    state: str
    started_ms: int
    running_tasks: int
    tasks: int

    @property
    def has_ended(self) -> bool:
        """Whether it will never run again."""
        return self.state in ENDED

    @property
    def is_running(self) -> bool:
        """Whether it and each of its tasks runs."""
        return self.state == "RUNNING" and self.running_tasks == self.tasks > 0


class FlinkRest:
    """The cluster at one REST address."""

    def __init__(self, url: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Ask nothing yet; `timeout_s` is how long one response may take."""
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    def overview(self) -> dict[str, Any]:
        """Return Flink's overview of the cluster: its version, its TaskManagers, its slots."""
        overview: dict[str, Any] = self.ask("GET", "/overview")
        return overview

    def jobs(self, name: str) -> list[Job]:
        """Return the jobs of that name, the one started last first."""
        jobs = [
            Job(
                job_id=job["jid"],
                name=job["name"],
                state=job["state"],
                started_ms=job["start-time"],
                running_tasks=job["tasks"]["running"],
                tasks=job["tasks"]["total"],
            )
            for job in self.ask("GET", "/jobs/overview")["jobs"]
            if job["name"] == name
        ]
        return sorted(jobs, key=lambda job: -job.started_ms)

    def free_slots(self) -> int:
        """Return how many tasks the cluster could take."""
        return int(self.overview()["slots-available"])

    def restarts(self, job_id: str) -> int:
        """Return how often the job has been restarted after a failure."""
        metrics = self.ask("GET", f"/jobs/{job_id}/metrics", params={"get": "numRestarts"})
        return int(float(metrics[0]["value"])) if metrics else 0

    def operator_metrics(self, job_id: str, operator: str, suffix: str) -> dict[str, str]:
        """Return the metrics of all tasks of one operator whose names end so, as Flink last read them."""
        vertices = self.ask("GET", f"/jobs/{job_id}")["vertices"]
        values: dict[str, str] = {}
        for vertex in vertices:
            path = f"/jobs/{job_id}/vertices/{vertex['id']}/metrics"
            wanted = [
                metric["id"]
                for metric in self.ask("GET", path)
                if f".{operator}." in metric["id"] and metric["id"].endswith(suffix)
            ]
            if wanted:
                metrics = self.ask("GET", path, params={"get": ",".join(wanted)})
                values |= {metric["id"]: metric["value"] for metric in metrics}
        return values

    def final_accumulators(self, job_id: str, timeout_s: float) -> dict[str, str]:
        """Return the accumulators of a job that has ended, or is about to, by name.

        Flink answers about a job with what it knew up to 3 s ago: this waits until it knows of the end.
        """
        self._await(f"/jobs/{job_id}", lambda job: job["state"] in ENDED, timeout_s, f"the job {job_id} has not ended")
        accumulators = self.ask("GET", f"/jobs/{job_id}/accumulators")["user-task-accumulators"]
        return {each["name"]: each["value"] for each in accumulators}

    def state(self, job_id: str) -> str:
        """Return the state of a job."""
        return str(self.ask("GET", f"/jobs/{job_id}")["state"])

    def running_since_ms(self, job_id: str) -> int:
        """Return when the job began to run, or restarted after its latest failure."""
        return int(self.ask("GET", f"/jobs/{job_id}")["timestamps"]["RUNNING"])

    def last_failure(self, job_id: str) -> str | None:
        """Return the root cause of the job's latest failure in one line."""
        trace = self.last_stack_trace(job_id)
        return None if trace is None else root_cause(trace)

    def last_stack_trace(self, job_id: str) -> str | None:
        """Return Java's stack trace of the job's latest failure; consequences of another failure come last."""
        entries = self.ask("GET", f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        traces: list[str] = [
            failure["stacktrace"] for entry in entries for failure in (entry, *entry.get("concurrentExceptions", ()))
        ]
        causes = (trace for trace in traces if not root_cause(trace).startswith(_CONSEQUENCES))
        return next(causes, next(iter(traces), None))

    def last_checkpoint(self, job_id: str) -> dict[str, Any] | None:
        """Return Flink's record of the latest completed checkpoint or savepoint since the job was submitted."""
        latest = self.ask("GET", f"/jobs/{job_id}/checkpoints")["latest"]
        done = [latest[kind] for kind in ("completed", "savepoint") if latest.get(kind)]
        return max(done, key=lambda checkpoint: checkpoint["latest_ack_timestamp"], default=None)

    def is_being_stopped(self, job_id: str) -> bool:
        """Return whether a savepoint is in progress after which the job ends."""
        history = self.ask("GET", f"/jobs/{job_id}/checkpoints")["history"]
        return any(each["status"] == "IN_PROGRESS" and each["checkpoint_type"] == "SYNC_SAVEPOINT" for each in history)

    def checkpoint(self, job_id: str, timeout_s: float) -> None:
        """Take a checkpoint now and wait until it is complete."""
        trigger = self.ask("POST", f"/jobs/{job_id}/checkpoints", json={"checkpointType": "CONFIGURED"})
        self._operation(f"/jobs/{job_id}/checkpoints/{trigger['request-id']}", "checkpoint", timeout_s)

    def savepoint(self, job_id: str, folder_uri: str, timeout_s: float) -> str:
        """Take a savepoint and return its address; the job runs on."""
        body = {"target-directory": folder_uri, "cancel-job": False}
        trigger = self.ask("POST", f"/jobs/{job_id}/savepoints", json=body)
        done = self._operation(f"/jobs/{job_id}/savepoints/{trigger['request-id']}", "savepoint", timeout_s)
        return str(done["location"])

    def stop_with_savepoint(self, job_id: str, folder_uri: str, timeout_s: float) -> str:
        """Take a savepoint, end the job, and return the savepoint's address; no window is closed early."""
        trigger = self.ask("POST", f"/jobs/{job_id}/stop", json={"targetDirectory": folder_uri, "drain": False})
        done = self._operation(f"/jobs/{job_id}/savepoints/{trigger['request-id']}", "savepoint", timeout_s)
        return str(done["location"])

    def cancel(self, job_id: str) -> None:
        """End the job without a savepoint."""
        self.ask("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def ask(self, method: str, path: str, timeout_s: float | None = None, **request: Any) -> Any:
        """Return the response to one request, as JSON.

        Raises:
            RequestRefused: Flink refused it; the message is its reason.
            SmaError: Flink does not answer.
        """
        response: requests.Response = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error.__cause__, requests.ConnectionError)),
            stop=stop_after_attempt(CONNECT_ATTEMPTS),
            wait=wait_fixed(POLL_S),
            reraise=True,
        )(send, "Flink", self._url, method, path, timeout_s or self._timeout_s, **request)
        result = read_json("Flink", self._url, "SMA_FLINK_URL", response) if response.content else {}
        if not response.ok:
            errors = result.get("errors") or [response.reason]
            raise RequestRefused(f"Flink at {self._url}: {root_cause(errors[-1])}")
        return result

    def _operation(self, path: str, what: str, timeout_s: float) -> dict[str, Any]:
        done = self._await(
            path, lambda asked: asked["status"]["id"] == "COMPLETED", timeout_s, f"the {what} was not complete"
        )
        operation: dict[str, Any] = done["operation"]
        if "failure-cause" in operation:
            raise RequestRefused(f"the {what} failed: {root_cause(operation['failure-cause']['stack-trace'])}")
        return operation

    def _await(self, path: str, is_done: Callable[[Any], bool], timeout_s: float, otherwise: str) -> Any:
        """Ask for `path` until the response is as `is_done` wants it, and return that response."""
        try:
            return Retrying(
                retry=retry_if_result(lambda response: not is_done(response)),
                stop=stop_after_delay(timeout_s),
                wait=wait_fixed(POLL_S),
            )(self.ask, "GET", path)
        except RetryError as error:
            raise SmaError(f"Flink at {self._url}: {otherwise} after {timeout_s:.0f} s") from error


def root_cause(stack_trace: str) -> str:
    """Return the last cause of a Java stack trace, in one line.

    >>> root_cause("a.B: x\\n\\tat c.D\\nCaused by: java.lang.E: y\\n\\tat f.G\\n\\t... 3 more\\n")
    'E: y'
    """
    lines = stack_trace.strip().splitlines() or ["no reason given"]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    name, colon, message = (causes[-1] if causes else lines[0]).partition(": ")
    return name.rpartition(".")[2] + colon + message if " " not in name else name + colon + message
