"""Checks through Flink's REST API whether the job runs.

The progress and the control of the job belong to the streaming layer.
"""

from batch.checks.finding import Finding
from clients.answers import CHECK_TIMEOUT_S
from clients.flink import ENDED, FlinkRest
from sma.errors import SmaError
from sma.settings import FlinkSettings


def job_runs(settings: FlinkSettings) -> Finding:
    """Tell whether Flink answers, and runs the job of this name; one that is being restarted does not run."""
    try:
        jobs = FlinkRest(settings.flink_url, CHECK_TIMEOUT_S).jobs(settings.job_name)
    except SmaError as error:
        return Finding(False, str(error), {"error": type(error.__cause__ or error).__name__})
    states = [job.state for job in jobs]
    if "RUNNING" in states:
        return Finding(True, f"the job {settings.job_name} runs")
    state = next((each for each in states if each not in ENDED), states[0] if states else "not there")
    return Finding(
        False,
        f"the job {settings.job_name} is {state.lower()}: see `sma stream status`, start it with `sma stream start`",
        {"state": state},
    )
