"""Submits jobs to Flink, detached, through one process that lives as long as the benchmark.

It is a process of its own because pyflink brings a JVM, and one for all jobs because that takes seconds to start. It is
`python -m bench.streaming.flink_client`: each line of its standard input is `{"options": {...}, "statements": ["CREATE
...", ..., "INSERT ..."]}` or `{"options": {...}, "job_class": "...", "plan": {...}}`, and it answers each with a line,
`{"job_id": "..."}` or `{"error": "..."}`. It ends with its input.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sma.errors import SmaError
from sma.settings import CHECKOUT, load_settings

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
    client, job = _client(), submission["options"]["pipeline.name"]
    if client.stdin is None or client.stdout is None:
        raise RuntimeError("the client has no pipes")
    try:
        print(json.dumps(submission), file=client.stdin, flush=True)
        answer = json.loads(client.stdout.readline() or "{}")
    except BrokenPipeError:
        answer = {}
    if not answer:
        _client.cache_clear()
        raise SmaError(f"Flink did not take {job}: the client ended; its log: {_log_file()}")
    if "error" in answer:
        raise SmaError(f"Flink did not take {job}: {answer['error']}")
    return str(answer["job_id"])


@cache
def _client() -> subprocess.Popen[str]:
    with open(_log_file(), "w", encoding="utf-8") as log:  # noqa: PTH123 - a name, to be shown
        return subprocess.Popen(
            [sys.executable, "-m", "bench.streaming.flink_client"],
            cwd=CHECKOUT,
            env=os.environ | {"JVM_ARGS": _SHORT_LIVED_JVM, "_python_worker_execution_mode": "process"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _log_file() -> str:
    return str(load_settings().state_dir / "logs" / "bench-flink-client.log")


def main() -> None:
    """Submit the job on each line of standard input."""
    from py4j.protocol import Py4JError
    from pyflink.java_gateway import get_gateway
    from pyflink.util.exceptions import JavaException

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of pyflink and its JVM is not a response
    thread = get_gateway().jvm.Thread.currentThread()
    class_loader = thread.getContextClassLoader()
    for line in sys.stdin:
        thread.setContextClassLoader(class_loader)  # without the jars of the job before
        submission = json.loads(line)
        run = _run_sql if "statements" in submission else _run_class
        try:
            answer = {"job_id": run(submission)}
        except (Py4JError, JavaException) as error:
            answer = {"error": _cause(error)}
        print(json.dumps(answer), file=answers, flush=True)


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


def _cause(error: Exception) -> str:
    """Return the line that names the last cause."""
    lines = str(error).strip().splitlines() or [repr(error)]
    causes = [line for line in lines if "Exception: " in line or "Error: " in line]
    return (causes or lines)[-1].strip()


if __name__ == "__main__":
    main()
