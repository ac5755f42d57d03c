"""`sma stream ...` and `sma wait`: control the Flink job."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from cli.console import out, print_json, say
from database.definitions import store_definitions
from sma.averages import Averages, load_averages
from sma.instants import format_instant
from sma.settings import Settings, load_settings
from streaming.control import lifecycle, progress
from streaming.control import replay as replaying
from streaming.control import reprocess as reprocessing
from streaming.control import upgrade as upgrading
from streaming.control.job_config import Effect
from streaming.control.job_lock import changing_the_job

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
    settings = load_settings()
    out.print(in_words(start_job(settings, "stream start", fresh, from_uri)), soft_wrap=True)


def start_job(settings: Settings, command: str, fresh: bool = False, from_uri: str | None = None) -> lifecycle.Started:
    """Start the job as `lifecycle.start` does, by averages.yaml, whose windows are stored before the first row.

    Args:
        settings: where everything is.
        command: what starts it, as others are told who wait for it.
        fresh: as for `lifecycle.start`.
        from_uri: as for `lifecycle.start`.
    """
    averages = load_averages(settings.averages)
    with changing_the_job(settings, command, say):
        if lifecycle.settle(settings) is None:
            _store_definitions(settings, averages)
        return lifecycle.start(settings, averages, fresh=fresh, from_uri=from_uri)


@stream.command()
def stop() -> None:
    """Stop the Flink job with a savepoint, from which `sma stream start` resumes.

    No window is closed early: what was open stays open in the savepoint.

    \b
    Example:
      sma stream stop
    """
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
    settings = load_settings()
    if dry_run:
        _print_plan(upgrading.plan_upgrade(settings))
        return
    with changing_the_job(settings, "stream upgrade", say):
        planned = upgrading.plan_upgrade(settings)
        _print_plan(planned)
        if planned.effect in (Effect.CARRIES_OVER, Effect.NEEDS_LOG):
            _store_definitions(settings, planned.averages)
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
    settings = load_settings()
    if [from_offsets, from_time, from_arrival].count(None) != 2:
        raise click.UsageError("give one of --from-offsets, --from-time and --from-arrival")
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
    settings = load_settings()
    averages = load_averages(settings.averages)
    if not dry_run:
        _store_definitions(settings, averages)
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
    ends = progress.wait(load_settings(), timeout, say)
    out.print(f"the stream has read all {sum(ends.values()):,} records of the log, and its rows are in the database")


def _print_plan(planned: upgrading.Upgrade) -> None:
    for change in planned.changes:
        out.print(f"{change.text}: {change.effect.value}", soft_wrap=True)
    if not planned.changes:
        out.print(f"the job config is the same: {planned.effect.value}", soft_wrap=True)


def _store_definitions(settings: Settings, averages: Averages) -> None:
    """Store the windows by which rows are computed from now on, for readers."""
    store_definitions(settings.owner_database_url.get_secret_value(), averages.averages)


def replay_in_words(done: replaying.Replayed) -> str:
    """Return what a replay did, or would do, in a few lines."""
    verb = "would emit" if done.is_dry else "emitted"
    times = f", of {_instant(done.first_record_at)} to {_instant(done.last_record_at)}" if done.range.records else ""
    rows = f", as of {_instant(done.first_as_of)} to {_instant(done.last_as_of)}" if done.rows_stated else ""
    return "\n".join(
        [
            f"{done.range.records:,} records{times}, all in Kafka; {done.warm_up_records:,} before them read too",
            f"{verb} {done.rows_stated:,} rows{rows} ({done.seconds:.1f} s)",
        ]
    )


def reprocessed_in_words(done: reprocessing.Reprocessed) -> str:
    """Return what a reprocessing did, or would do, in one line."""
    verb = "would emit" if done.is_dry else "emitted"
    rows = f", as of {_instant(done.first_as_of)} to {_instant(done.last_as_of)}" if done.rows_stated else ""
    return (
        f"{verb} {done.rows_stated:,} rows of {done.average}{rows}, from {done.rows_read:,} rows of {done.finer} "
        f"({done.seconds:.1f} s)"
    )


def _instant(time_ms: int | None) -> str:
    if time_ms is None:
        return "?"
    return format_instant(time_ms).replace("T", " ").removesuffix("Z")


def in_words(started: lifecycle.Started) -> str:
    """Return what starting the job did."""
    if started.was_running:
        return f"the job runs already ({started.job_id})"
    if started.resumed_from is None:
        lost = [
            f"  partition {partition}: Kafka no longer holds the offsets 0 to {offset - 1}, so windows that "
            "need them are computed from the rest"
            for partition, offset in started.retained_from.items()
        ]
        return "\n".join([f"the job {started.job_id} reads the log from its beginning", *lost])
    lines = [f"the job {started.job_id} resumes from the {started.resumed_from.kind} {started.resumed_from.uri}"]
    return "\n".join(lines + [f"  {change.text}" for change in started.changes])


def status_in_words(job: progress.Status) -> str:
    """Return the state of the job in a few lines."""
    lines = [
        f"{job.state}, {job.lag:,} records behind the log's end ({sum(job.log_end.values()):,})",
        f"last checkpoint {job.last_checkpoint_at or 'none'}, {job.restarts} restarts",
        *(_account_in_words(job) if job.accounts else ()),
    ]
    if job.partitions_added:
        lines.append(
            f"{job.partitions_added} partitions were added to the topic since the state began: series may have moved, "
            "see docs/operating.md"
        )
    return "\n".join(lines + ([f"last failure: {job.last_failure}"] if job.last_failure else []))


def _account_in_words(job: progress.Status) -> list[str]:
    used, late, rejected, heartbeats = (
        sum(getattr(account, name) for account in job.accounts)
        for name in ("events_used", "late_events", "rejected_events", "heartbeats")
    )
    return [
        f"accounting: {used + late + rejected + heartbeats:,} records = {used:,} used + {late:,} late + {rejected:,} "
        f"rejected + {heartbeats:,} heartbeats; {job.residue:,} unaccounted for"
    ]
