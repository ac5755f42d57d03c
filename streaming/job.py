"""Submits the job to the Flink cluster, detached: `python -m streaming.job --history URI [--from SNAPSHOT]`.

The one module that imports pyflink. The last line of standard output is `{"job_id": "..."}`; an error is the last line
of standard error. `sma stream start` runs this, and chooses both arguments.
"""

import argparse
import json
import os
import sys

from py4j.protocol import Py4JError, Py4JJavaError
from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment
from pyflink.util.exceptions import JavaException

from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import Settings, load_settings
from streaming.kafka_log import KafkaLog
from streaming.options import job_options
from streaming.snapshots import Snapshots
from streaming.sql import definitions, inserts

SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # half the processor time of a submission


def main() -> int:
    """Submit the job as the arguments say."""
    os.environ.setdefault("JDK_JAVA_OPTIONS", SHORT_LIVED_JVM)
    parser = argparse.ArgumentParser(prog="python -m streaming.job")
    parser.add_argument("--history", help="URI of the folder for checkpoints and savepoints; the newest one by default")
    parser.add_argument("--from", dest="snapshot", help="savepoint or checkpoint to resume from; empty without one")
    parser.add_argument("--explain", action="store_true", help="print the plan and submit nothing")
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        averages = load_averages(settings.averages)
        history = arguments.history or Snapshots(settings).history_uri()
        parallelism = settings.parallelism or KafkaLog(settings).partition_count()
        options = job_options(settings, parallelism, history, arguments.snapshot)
        if arguments.explain:
            print(explain(averages, settings, options))
        else:
            print(json.dumps({"job_id": submit(averages, settings, options)}))
    except SmaError as error:
        print(error, file=sys.stderr)
        return 1
    except (Py4JError, JavaException) as error:
        print(f"Flink refused the job: {_root_cause(error)}", file=sys.stderr)
        return 1
    return 0


def submit(averages: Averages, settings: Settings, options: dict[str, str]) -> str:
    """Submit everything as one job and return its id."""
    environment = _environment(averages, settings, options)
    statements = environment.create_statement_set()
    for insert in inserts(averages):
        statements.add_insert_sql(insert)
    client = statements.execute().get_job_client()
    if client is None:
        raise SmaError("Flink took the job and gave no id for it: look at its web page")
    return str(client.get_job_id())


def explain(averages: Averages, settings: Settings, options: dict[str, str]) -> str:
    """Return the plan of the whole statement set."""
    statements = _environment(averages, settings, options).create_statement_set()
    for insert in inserts(averages):
        statements.add_insert_sql(insert)
    return str(statements.explain())


def _environment(averages: Averages, settings: Settings, options: dict[str, str]) -> TableEnvironment:
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    environment = TableEnvironment.create(EnvironmentSettings.new_instance().with_configuration(configuration).build())
    for statement in definitions(averages, settings):
        environment.execute_sql(statement)
    return environment


def _root_cause(error: Exception) -> str:
    if not isinstance(error, Py4JJavaError):
        return str(error).strip().splitlines()[0]
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.toString()).strip().splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
