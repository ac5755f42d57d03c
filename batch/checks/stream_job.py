"""Checks over Flink's REST API whether the job runs, within seconds.

What the job has read, and how it is controlled, belongs to `streaming.control`.
"""

import requests

from batch.checks.finding import Finding
from sma.settings import Settings

TIMEOUT_SECONDS = 5

_ENDED = {"FAILED", "CANCELED", "FINISHED", "SUSPENDED"}


def job_runs(settings: Settings) -> Finding:
    """Tell whether Flink answers, and runs the job of this name; one that is being restarted does not run."""
    url = f"{settings.flink_url.rstrip('/')}/jobs/overview"
    try:
        response = requests.get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        jobs = response.json()["jobs"]
    except (requests.RequestException, KeyError, TypeError) as error:
        return Finding(False, f"Flink does not answer at {settings.flink_url}: `sma status`", {"error": _kind(error)})
    states = [job["state"] for job in jobs if job["name"] == settings.job_name]
    if "RUNNING" in states:
        return Finding(True, f"the job {settings.job_name} runs")
    state = next((each for each in states if each not in _ENDED), states[0] if states else "not there")
    return Finding(
        False,
        f"the job {settings.job_name} is {state.lower()}: see `sma stream status`, start it with `sma stream start`",
        {"state": state},
    )


def _kind(error: Exception) -> str:
    return type(error).__name__
