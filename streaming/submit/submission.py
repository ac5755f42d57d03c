"""Hands a job to the Flink cluster, through a process of its own, so that nothing else needs pyflink and its JVM."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from sma.errors import SmaError
from sma.settings import CHECKOUT

# The client plans one job and ends. Compiling for the long run, and PyFlink's server for Python functions, of which
# the job has none, made a submission take 20 s instead of 10.
_CLIENT_ENVIRONMENT = {
    "JVM_ARGS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "_python_worker_execution_mode": "process",
}


MOVING_AVERAGES = "MovingAveragesJob"
REPROCESSING = "ReprocessingJob"


def submit(options: Mapping[str, str], plan: Mapping[str, Any], job: str = MOVING_AVERAGES) -> str:
    """Submit a job of the operator's jar with Flink's `options` and a `plan` that it reads, and return its id.

    Raises:
        SmaError: Flink did not take it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "streaming.submit.pyflink_job"],
        cwd=CHECKOUT,
        env=os.environ | _CLIENT_ENVIRONMENT,
        input=json.dumps({"job": job, "options": options, "plan": plan}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SmaError(f"the job {options['pipeline.name']} could not be started: {lines[-1]}")
    return str(json.loads(done.stdout.strip().splitlines()[-1])["job_id"])
