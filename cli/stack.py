"""`sma up`, `sma down`, `sma status`: the local stack, and the Flink job on it."""

from dataclasses import asdict

import click

from cli.console import out, print_json, print_table, say
from cli.stream import in_words, status_in_words
from deploy.local import stack
from deploy.local.status import StackStatus
from deploy.local.status import status as stack_status
from sma.errors import SmaError
from sma.settings import load_settings
from streaming import control, progress


@click.command()
@click.option("--fresh", is_flag=True, help="delete all data of the local stack first")
def up(fresh: bool) -> None:
    """Start what is not running: Kafka, TimescaleDB, Flink, Dagster, and the Flink job.

    Safe to run again. The job resumes from its newest savepoint or checkpoint. What the environment says is somewhere
    else (SMA_KAFKA_BOOTSTRAP and the like, see docs/settings.md) is not started here.

    \b
    Examples:
      sma up
      SMA_PORT_BASE=21000 sma up     # the first time; the ports are kept
    """
    settings = stack.up(say, fresh=fresh)
    say(in_words(control.start(settings)))
    print_status(stack_status(settings))


@click.command()
def down() -> None:
    """Stop the Flink job with a savepoint, then the stack. The data stays.

    \b
    Example:
      sma down
    """
    try:
        location = control.stop(load_settings())
        say(f"stopped the job with savepoint {location}" if location else "no job was running")
    except SmaError as error:  # a job or a cluster that is gone needs no savepoint, and must not keep the rest up
        say(f"no savepoint: {error}")
    stack.down(say)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the status as JSON, the database URL's password included")
def status(as_json: bool) -> None:
    """Show every part: where it is, its version, its health, and how far behind the stream is.

    \b
    Examples:
      sma status
      psql "$(sma status --json | jq -r .database_url)"
    """
    settings = load_settings()
    now = stack_status(settings)
    job: progress.Status | None = None
    problem = None
    try:
        job = progress.status(settings)
    except SmaError as error:
        problem = str(error)
    if as_json:
        print_json(now.as_dict() | {"stream": asdict(job) if job else {"state": "UNKNOWN", "problem": problem}})
    else:
        print_status(now)
        out.print(f"stream: {status_in_words(job) if job else problem}", markup=False, soft_wrap=True)
    if not now.is_up:
        raise SmaError("not every part is up: `sma up` starts what is down")


def print_status(now: StackStatus) -> None:
    """Print a line for each part."""
    rows = [
        (part.name, part.version or "", "up" if part.is_up else f"DOWN: {part.reason}", part.url) for part in now.parts
    ]
    print_table("", ["part", "version", "health", "address"], rows)
