"""Submits what is compared with to Flink, detached: `python -m bench.streaming.flink_client < submission.json`.

Like streaming/submit/pyflink_job.py, it runs as a process of its own, because pyflink brings a JVM. Standard input is
`{"options": {...}, "statements": ["CREATE ...", ..., "INSERT ..."]}` or `{"options": {...}, "job_class": "...",
"plan": {...}}`; the last line of standard output is `{"job_id": "..."}`. `submit_sql` and `submit_class` run this.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sma.errors import SmaError
from sma.settings import CHECKOUT

_SHORT_LIVED_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def submit_sql(options: Mapping[str, str], statements: Sequence[str]) -> str:
    """Execute statements, of which the last one is a job, and return its id.

    Raises:
        SmaError: Flink did not take it.
    """
    return _submit({"options": options, "statements": statements})


def submit_class(options: Mapping[str, str], job_class: str, plan: Mapping[str, Any]) -> str:
    """Submit the job that a Java class defines from a plan, and return its id.

    Raises:
        SmaError: Flink did not take it.
    """
    return _submit({"options": options, "job_class": job_class, "plan": plan})


def _submit(submission: Mapping[str, Any]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench.streaming.flink_client"],
        cwd=CHECKOUT,
        env=os.environ | {"JVM_ARGS": _SHORT_LIVED_JVM, "_python_worker_execution_mode": "process"},
        input=json.dumps(submission),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        causes = [line for line in done.stderr.splitlines() if "Exception: " in line or "Error: " in line]
        raise SmaError(f"Flink did not take {submission['options']['pipeline.name']}: {(causes or ['?'])[-1]}")
    return str(json.loads(done.stdout.strip().splitlines()[-1])["job_id"])


def main() -> None:
    """Submit what standard input says."""
    submission = json.load(sys.stdin)
    run = _run_sql if "statements" in submission else _run_class
    print(json.dumps({"job_id": run(submission)}))


def _run_sql(submission: Mapping[str, Any]) -> str:
    from pyflink.table import EnvironmentSettings, TableEnvironment

    settings = EnvironmentSettings.new_instance().with_configuration(_configuration(submission)).build()
    environment = TableEnvironment.create(settings)
    *definitions, insert = submission["statements"]
    for statement in definitions:
        environment.execute_sql(statement)
    client = environment.execute_sql(insert).get_job_client()
    return str(client.get_job_id()) if client else ""


def _run_class(submission: Mapping[str, Any]) -> str:
    from pyflink.java_gateway import get_gateway
    from pyflink.util.java_utils import add_jars_to_context_class_loader, invoke_method

    environment_class = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    environment = environment_class(_configuration(submission)._j_configuration)
    add_jars_to_context_class_loader(submission["options"]["pipeline.jars"].split(";"))
    invoke_method(
        None,
        submission["job_class"],
        "define",
        [environment, json.dumps(submission["plan"])],
        ["org.apache.flink.streaming.api.environment.StreamExecutionEnvironment", "java.lang.String"],
    )
    return str(environment.executeAsync(submission["options"]["pipeline.name"]).getJobID())


def _configuration(submission: Mapping[str, Any]) -> Any:
    from pyflink.common import Configuration

    configuration = Configuration()
    for key, value in submission["options"].items():
        configuration.set_string(key, value)
    return configuration


if __name__ == "__main__":
    main()
