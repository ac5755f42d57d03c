"""Launches a run of the job `audit`, as the UI does, and follows it to its end.

What it found is in the database; `batch.audit.trail` reads it.
"""

import time
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from clients.dagster import ask, first_line
from orchestration.backfill import CHECK_FAILED, OUTAGE_SECONDS, POLL_SECONDS, Ask, Progress, RunLogs
from sma.errors import SmaError
from sma.settings import DagsterSettings

_REPOSITORY = """
query Repository {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
    ... on Error { message }
  }
}
"""
_LAUNCH = """
mutation Launch($selector: JobOrPipelineSelector!, $config: RunConfigData!) {
  launchRun(executionParams: {selector: $selector, runConfigData: $config, mode: "default"}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}
"""
_FOLLOW = """
query Follow($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { status }
    ... on Error { message }
  }
}
"""
_JOB = "audit"
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """How the run ended. `found_damage`: its check failed, and its work is done; else `error` is what went wrong."""

    run_id: str
    found_damage: bool
    error: str | None


def launch_audit(settings: DagsterSettings, start: date | None, end: date | None, ask: Ask = ask) -> str:
    """Start an audit of the days from start to end, or of those that are due, and return the id of its run.

    Raises:
        SmaError: Dagster does not answer or refuses.
    """
    config = {"start": str(start or ""), "end": str(end or "")}
    variables = {"selector": _selector(settings, ask), "config": {"ops": {"audits": {"config": config}}}}
    launched = ask(settings, _LAUNCH, variables)["launchRun"]
    if launched["__typename"] != "LaunchRunSuccess":
        message = launched.get("message") or launched["errors"][0]["message"]
        raise SmaError(f"Dagster did not start the audit: {first_line(message)}")
    return str(launched["run"]["runId"])


def follow_audit(
    settings: DagsterSettings, run_id: str, progress: Progress, *, ask: Ask = ask, poll_seconds: float = POLL_SECONDS
) -> AuditOutcome:
    """Wait until a run of the job has ended, and pass on what it logs.

    Raises:
        SmaError: Dagster does not answer for a minute, or does not know the run.
    """
    asking = Retrying(
        retry=retry_if_exception_type(SmaError), stop=stop_after_delay(OUTAGE_SECONDS), wait=wait_fixed(1), reraise=True
    )
    question = partial(ask, settings)
    logs = RunLogs(question, progress)
    reported = ""
    while True:
        run = asking(question, _FOLLOW, {"runId": run_id})["runOrError"]
        if run["__typename"] != "Run":
            raise SmaError(f"Dagster: run {run_id}: {first_line(run['message'])}")
        if run["status"] != reported:
            progress(f"run {run_id[:8]} {run['status'].lower()}")
            reported = run["status"]
        asking(logs.follow, run_id)
        if run["status"] in _ENDED:
            return _outcome(run_id, run["status"], logs.errors.get(run_id))
        time.sleep(poll_seconds)


def _selector(settings: DagsterSettings, ask: Ask) -> dict[str, Any]:
    repositories = ask(settings, _REPOSITORY, {})["repositoriesOrError"]
    for repository in repositories.get("nodes", []):
        if any(job["name"] == _JOB for job in repository["jobs"]):
            return {
                "repositoryName": repository["name"],
                "repositoryLocationName": repository["location"]["name"],
                "pipelineName": _JOB,
            }
    raise SmaError(
        f"Dagster has no job {_JOB}: {first_line(repositories.get('message', 'has it loaded this version?'))}"
    )


def _outcome(run_id: str, status: str, error: str | None) -> AuditOutcome:
    if status == "SUCCESS":
        return AuditOutcome(run_id, found_damage=False, error=None)
    if error is not None and error.startswith(CHECK_FAILED):
        return AuditOutcome(run_id, found_damage=True, error=None)
    reason = error or "no error was recorded: see its log in Dagster"
    return AuditOutcome(run_id, found_damage=False, error=f"run {run_id[:8]} {status.lower()}: {reason}")
