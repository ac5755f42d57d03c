"""`sma stream ...` and `sma wait`: control the Flink job."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from cli.console import out, print_json, say

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%z"]


class _Instant(click.DateTime):
    """A time; UTC unless it has a zone."""

    def __init__(self) -> None:
        super().__init__(_FORMATS)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        at: datetime = super().convert(value, param, ctx)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@click.group()
def stream() -> None:
    """Start, stop and inspect the Flink job.

    \b
    Examples:
      sma stream status
      sma stream stop      # with a savepoint
      sma stream start     # resumes from it
    """


@stream.command()
@click.option("--fresh", is_flag=True, help="read the log from its beginning and ignore all savepoints")
@click.option("--from", "from_uri", metavar="URI", help="resume from this snapshot; newer ones are set aside")
def start(fresh: bool, from_uri: str | None) -> None:
    """Start the Flink job from its newest savepoint or checkpoint, and print which.

    Without any, it reads the log from its beginning. Nothing happens if the job runs already.

    \b
    Examples:
      sma stream start
      sma stream start --from file:///a/folder/savepoints/savepoint-1
    """
    if fresh and from_uri:
        raise click.UsageError("give either --fresh or --from")
    from cli.start_job import start_job
    from cli.stream_wording import in_words
    from sma.settings import load_settings

    started = start_job(load_settings(), "stream start", fresh, from_uri)
    out.print(in_words(started), soft_wrap=True)


@stream.command()
def stop() -> None:
    """Stop the Flink job with a savepoint, from which `sma stream start` resumes.

    No window is closed early: what was open stays open in the savepoint.

    \b
    Example:
      sma stream stop
    """
    from sma.settings import load_settings
    from streaming.control import lifecycle
    from streaming.control.job_lock import changing_the_job

    settings = load_settings()
    with changing_the_job(settings, "stream stop", say):
        location = lifecycle.stop(settings)
    out.print(f"stopped with savepoint {location}" if location else "no job was running", soft_wrap=True)


@stream.command()
def savepoint() -> None:
    """Take a savepoint of the running job, which continues, and print its location.

    \b
    Example:
      sma stream savepoint
    """
    from sma.settings import load_settings
    from streaming.control import lifecycle
    from streaming.control.job_lock import changing_the_job

    settings = load_settings()
    with changing_the_job(settings, "stream savepoint", say):
        location = lifecycle.savepoint(settings)
    out.print(location, soft_wrap=True)


@stream.command()
@click.option("--json", "as_json", is_flag=True, help="print the status as JSON")
def status(as_json: bool) -> None:
    """Show the job's state, its last checkpoint, and how far behind the log's end it is.

    \b
    Example:
      sma stream status --json
    """
    from cli.stream_wording import status_in_words
    from sma.settings import load_settings
    from streaming.control import progress

    job = progress.status(load_settings())
    if as_json:
        print_json(asdict(job))
    else:
        out.print(status_in_words(job), soft_wrap=True)


@stream.command()
@click.option("--dry-run", is_flag=True, help="only print what is different and whether the state carries over")
@click.option("--without-log", is_flag=True, help="do not read the log for averages that were added")
def upgrade(dry_run: bool, without_log: bool) -> None:
    """Continue the job with the present averages.yaml, settings and operator.

    Prints first whether the state carries over. Added averages are computed from the log's beginning by a catch-up
    job, which replaces the running one once it has caught up. --without-log skips that: rows of added averages are
    then emitted from where the kept state holds their whole window. A job that was stopped is started.

    \b
    Examples:
      sma stream upgrade --dry-run
      sma stream upgrade
      SMA_PARALLELISM=8 sma stream upgrade
    """
    from cli.start_job import store_present_definitions
    from cli.stream_wording import in_words, plan_in_words
    from sma.settings import load_settings
    from streaming.control import upgrade as upgrading
    from streaming.control.job_config import Effect
    from streaming.control.job_lock import changing_the_job

    settings = load_settings()
    if dry_run:
        out.print(plan_in_words(upgrading.plan_upgrade(settings)), soft_wrap=True)
        return
    with changing_the_job(settings, "stream upgrade", say):
        planned = upgrading.plan_upgrade(settings)
        out.print(plan_in_words(planned), soft_wrap=True)
        if planned.effect in (Effect.CARRIES_OVER, Effect.NEEDS_LOG):
            store_present_definitions(settings, planned.averages)
        started = upgrading.upgrade(settings, planned, without_log, say)
    out.print(in_words(started), soft_wrap=True)


@stream.command()
@click.option("--from-offsets", type=click.Path(path_type=Path), help='JSON file: {"0": 1200, "1": 900, ...}')
@click.option("--from-time", type=_Instant(), help="first event time, e.g. 2013-01-05 or 2013-01-05T06:00:00Z")
@click.option("--from-arrival", type=_Instant(), help="first time of arrival in Kafka, by the records' timestamps")
@click.option("--to", type=_Instant(), help="event time, or else arrival, to end before; the log's end if not given")
@click.option("--dry-run", is_flag=True, help="read and count, write nothing")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def replay(
    from_offsets: Path | None,
    from_time: datetime | None,
    from_arrival: datetime | None,
    to: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compute the rows of a range of the log again, next to the running job.

    Rows of a newer version than the replay computes stay as they are; all others equal the log afterwards, even if
    they were changed or deleted.

    \b
    Examples:
      sma stream replay --from-time 2013-01-05 --to 2013-01-07 --dry-run
      sma stream replay --from-offsets offsets.json
    """
    if [from_offsets, from_time, from_arrival].count(None) != 2:
        raise click.UsageError("give one of --from-offsets, --from-time and --from-arrival")

    from cli.stream_wording import replay_in_words
    from sma.settings import load_settings
    from streaming.control import replay as replaying

    settings = load_settings()
    if from_offsets is not None:
        log_range = replaying.range_from_file(settings, from_offsets, to)
    elif from_time is not None:
        log_range = replaying.range_of_event_time(settings, from_time, to)
    else:
        log_range = replaying.range_of_arrival(settings, cast(datetime, from_arrival), to)
    done = replaying.replay(settings, log_range, dry_run, say)
    if as_json:
        print_json(asdict(done))
    else:
        out.print(replay_in_words(done), soft_wrap=True)


@stream.command()
@click.argument("average")
@click.option(
    "--from", "finer", metavar="AVERAGE", help="whose stored rows to sum up; the longest that fits if not given"
)
@click.option("--start", type=_Instant(), help="stored rows are complete from here on: no window begins before")
@click.option("--end", type=_Instant(), help="stored rows are complete up to here: no window ends after")
@click.option("--dry-run", is_flag=True, help="read and count, write nothing")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def reprocess(
    average: str, finer: str | None, start: datetime | None, end: datetime | None, dry_run: bool, as_json: bool
) -> None:
    """Derive the rows of AVERAGE from stored rows of a finer one, for times that Kafka no longer holds.

    Both have duration windows, and that of the finer one divides the window and the `every` of AVERAGE. Rows that
    were computed from the log are never replaced.

    \b
    Examples:
      sma stream reprocess week --dry-run
      sma stream reprocess week --from hour --start 2013-01-01 --end 2013-02-01
    """
    from cli.start_job import store_present_definitions
    from cli.stream_wording import reprocessed_in_words
    from sma.averages import load_averages
    from sma.settings import load_settings
    from streaming.control import reprocess as reprocessing

    settings = load_settings()
    averages = load_averages(settings.averages)
    if not dry_run:
        store_present_definitions(settings, averages)
    done = reprocessing.reprocess(settings, averages, average, finer, start, end, dry_run, say)
    if as_json:
        print_json(asdict(done))
    else:
        out.print(reprocessed_in_words(done), soft_wrap=True)


@click.command()
@click.option("--timeout", type=click.FloatRange(min=0), default=300, show_default=True, help="seconds to wait at most")
def wait(timeout: float) -> None:
    """Wait until the stream has read what the log holds now, and its rows are in the database.

    \b
    Example:
      sma produce readings.csv ... --close && sma wait --timeout 60
    """
    from sma.settings import load_settings
    from streaming.control import progress

    ends = progress.wait(load_settings(), timeout, say)
    out.print(f"the stream has read all {sum(ends.values()):,} records of the log, and its rows are in the database")
