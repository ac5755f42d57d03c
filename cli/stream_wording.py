"""Says in words what `sma stream ...` and `sma up` did, and how the job is."""

from sma.instants import format_instant
from streaming.control import lifecycle, progress
from streaming.control import replay as replaying
from streaming.control import reprocess as reprocessing
from streaming.control import upgrade as upgrading


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


def plan_in_words(planned: upgrading.Upgrade) -> str:
    """Return what an upgrade changes, a line each, and whether the state carries over."""
    lines = [f"{change.text}: {change.effect.value}" for change in planned.changes]
    return "\n".join(lines or [f"the job config is the same: {planned.effect.value}"])


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
            f"  partition {partition}: Kafka no longer holds the offsets 0 to {offset - 1}: windows that may need them "
            "are not emitted, and stored rows of theirs stay"
            for partition, offset in started.retained_from.items()
        ]
        return "\n".join([f"the job {started.job_id} reads the log from its beginning", *lost])
    lines = [f"the job {started.job_id} resumes from the {started.resumed_from.kind} {started.resumed_from.uri}"]
    return "\n".join(lines + [f"  {change.text}" for change in started.changes])


def status_in_words(job: progress.Status) -> str:
    """Return the state of the job in a few lines."""
    behind = f"{job.lag:,} records behind the log's end ({sum(job.log_end.values()):,})"
    absence = _absence_in_words(job)
    lines = [
        *([f"{job.state}: {absence}", behind] if absence else [f"{job.state}, {behind}"]),
        *([f"last checkpoint {job.last_checkpoint_at or 'none'}, {job.restarts} restarts"] if job.job_id else ()),
        *(_account_in_words(job) if job.accounts else ()),
    ]
    lines += [f"{each}: {each.way_out}" for each in job.open_transactions]
    if job.partitions_added:
        lines.append(
            f"{job.partitions_added} partitions were added to the topic since the state began: series may have moved, "
            "see docs/operating.md"
        )
    if job.last_failure:
        lines.append(f"last failure: {job.last_failure}{f': {job.way_out}' if job.way_out else ''}")
    return "\n".join(lines)


def _absence_in_words(job: progress.Status) -> str | None:
    """Return what became of a job that Flink does not know, and what the next start resumes from; else None."""
    snapshot = job.resumes_from
    way_on = (
        f"`sma stream start` resumes from the {snapshot.kind} of {snapshot.taken_at}"
        if snapshot
        else "`sma stream start` starts it"
    )
    if job.state == "LOST":
        since = f" that was started at {job.started_at}" if job.started_at else ""
        return f"Flink no longer knows the job{since}; {way_on}"
    return way_on if job.state in ("STOPPED", "NOT STARTED") else None


def _account_in_words(job: progress.Status) -> list[str]:
    used, late, rejected, heartbeats = (
        sum(getattr(account, name) for account in job.accounts)
        for name in ("events_used", "late_events", "rejected_events", "heartbeats")
    )
    return [
        f"accounting: {used + late + rejected + heartbeats:,} records = {used:,} used + {late:,} late + {rejected:,} "
        f"rejected + {heartbeats:,} heartbeats; {job.residue:,} unaccounted for"
    ]
