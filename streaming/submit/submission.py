"""Submits jobs to the Flink cluster: through its REST API, or with PyFlink's client, by SMA_FLINK_SUBMIT.

The client is a process of its own that starts a JVM, and is needed only for a cluster that takes no jars.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from clients.flink import FlinkRest
from sma.errors import SmaError
from sma.settings import CHECKOUT, StreamingSettings
from streaming.submit.jar_runs import run_jar
from streaming.submit.options import client_options, the_jar

# The client plans one job and ends. Compiling for the long run, and PyFlink's server for Python functions, of which
# the job has none, made a submission take 20 s instead of 10.
_CLIENT_ENVIRONMENT = {
    "JVM_ARGS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "_python_worker_execution_mode": "process",
}


MOVING_AVERAGES = "MovingAveragesJob"
REPROCESSING = "ReprocessingJob"


def submit(
    settings: StreamingSettings, options: Mapping[str, str], plan: Mapping[str, Any], job: str = MOVING_AVERAGES
) -> str:
    """Submit a job of the operator's jar with Flink's `options` and a `plan` that it reads, and return its id.

    Raises:
        SmaError: Flink refused it.
    """
    submit_by = {"rest": _submit_by_rest, "client": _submit_by_client}[settings.flink_submit]
    try:
        return submit_by(settings, options, plan, job)
    except SmaError as error:
        raise SmaError(f"the job {options['pipeline.name']} could not be started: {error}") from error


def _submit_by_rest(settings: StreamingSettings, options: Mapping[str, str], plan: Mapping[str, Any], job: str) -> str:
    jar = the_jar(settings.flink_jars)
    return run_jar(FlinkRest(settings.flink_url), jar, [job, "--plan", json.dumps(plan)], options)


def _submit_by_client(
    settings: StreamingSettings, options: Mapping[str, str], plan: Mapping[str, Any], job: str
) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streaming.submit.pyflink_job"],
        cwd=CHECKOUT,
        env=os.environ | _CLIENT_ENVIRONMENT,
        input=json.dumps({"job": job, "options": {**options, **client_options(settings)}, "plan": plan}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SmaError(lines[-1])
    return str(json.loads(done.stdout.strip().splitlines()[-1])["job_id"])
