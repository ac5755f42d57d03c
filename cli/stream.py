"""`sma stream ...` and `sma wait`: the Flink job."""

from dataclasses import asdict

import click

from cli.console import out, print_json, say
from sma.settings import load_settings
from streaming import control


@click.group()
def stream() -> None:
    """Start, stop and look at the Flink job.

    \b
    Examples:
      sma stream status
      sma stream stop      # with a savepoint
      sma stream start     # resumes from it
    """


@stream.command()
@click.option("--fresh", is_flag=True, help="read the log from its beginning, whatever savepoints there are")
def start(fresh: bool) -> None:
    """Start the Flink job from its newest savepoint or checkpoint, and say which.

    Without any, it reads the log from its beginning. Nothing happens if the job runs already.

    \b
    Example:
      sma stream start
    """
    out.print(in_words(control.start(load_settings(), fresh=fresh)), markup=False, soft_wrap=True)


@stream.command()
def stop() -> None:
    """Stop the Flink job with a savepoint, from which `sma stream start` resumes.

    No window is closed early: what was open stays open in the savepoint.

    \b
    Example:
      sma stream stop
    """
    location = control.stop(load_settings())
    out.print(f"stopped with savepoint {location}" if location else "no job was running", markup=False, soft_wrap=True)


@stream.command()
def savepoint() -> None:
    """Take a savepoint of the running job, which goes on, and print where it is.

    \b
    Example:
      sma stream savepoint
    """
    out.print(control.savepoint(load_settings()), markup=False, soft_wrap=True)


@stream.command()
@click.option("--json", "as_json", is_flag=True, help="print the status as JSON")
def status(as_json: bool) -> None:
    """Show the job's state, its last checkpoint, and how far behind the log's end it is.

    \b
    Example:
      sma stream status --json
    """
    job = control.status(load_settings())
    if as_json:
        print_json(asdict(job))
    else:
        out.print(status_in_words(job), markup=False, soft_wrap=True)


@click.command()
@click.option("--timeout", type=click.FloatRange(min=0), default=300, show_default=True, help="seconds to wait at most")
def wait(timeout: float) -> None:
    """Wait until the stream has read what the log holds now, and its rows are in the database.

    \b
    Example:
      sma produce readings.csv ... --close && sma wait --timeout 60
    """
    ends = control.wait(load_settings(), timeout, say)
    out.print(f"the stream has read all {sum(ends.values()):,} records of the log, and its rows are in the database")


def in_words(started: control.Started) -> str:
    """Return what starting the job did."""
    if started.was_running:
        return f"the job runs already ({started.job_id})"
    if started.resumed_from is None:
        return f"the job {started.job_id} reads the log from its beginning"
    return f"the job {started.job_id} resumes from {started.resumed_from.uri}"


def status_in_words(job: control.Status) -> str:
    """Return the state of the job in a few lines."""
    lines = [
        f"{job.state}, {job.lag:,} records behind the log's end ({sum(job.log_end.values()):,})",
        f"last checkpoint {job.last_checkpoint_at or 'none'}, {job.restarts} restarts",
        f"late events {job.late_records:,}, rejected records {job.rejected_records:,}",
    ]
    return "\n".join(lines + ([f"last failure: {job.last_failure}"] if job.last_failure else []))
