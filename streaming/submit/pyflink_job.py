"""Submits a job to the Flink cluster, detached: `python -m streaming.submit.pyflink_job < submission.json`.

The only module that imports pyflink, and it decides nothing: `{"job": ..., "options": {...}, "plan": {...}}` comes on
standard input, with the name of a job class of the operator's jar, Flink's configuration and the plan for that class.
The last line of standard output is `{"job_id": "..."}`; an error is the last line of standard error.
`streaming.submit.submission` runs this.
"""

import json
import sys
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyflink.common import Configuration
from pyflink.java_gateway import get_gateway
from pyflink.util.exceptions import JavaException
from pyflink.util.java_utils import add_jars_to_context_class_loader, invoke_method

JOBS = "sma.streaming.job"


def main() -> int:
    """Submit the job on standard input."""
    submission = json.load(sys.stdin)
    try:
        print(json.dumps({"job_id": submit(**submission)}))
    except (Py4JError, JavaException) as error:
        print(f"Flink refused the job: {_root_cause(error)}", file=sys.stderr)
        return 1
    return 0


def submit(job: str, options: dict[str, str], plan: dict[str, Any]) -> str:
    """Submit a job and return its id."""
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    # Not PyFlink's own environment, which runs the job in this process and ignores `execution.target`.
    environment_class = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    environment = environment_class(configuration._j_configuration)
    add_jars_to_context_class_loader(options["pipeline.jars"].split(";"))
    invoke_method(
        None,
        f"{JOBS}.{job}",
        "define",
        [environment, json.dumps(plan)],
        ["org.apache.flink.streaming.api.environment.StreamExecutionEnvironment", "java.lang.String"],
    )
    return str(environment.executeAsync(options["pipeline.name"]).getJobID())


def _root_cause(error: Exception) -> str:
    if not isinstance(error, Py4JJavaError):
        return str(error).strip().splitlines()[0]
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.toString()).strip().splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
