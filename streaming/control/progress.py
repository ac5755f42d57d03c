"""Reports the progress of the running job, and waits until it has caught up with the log."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from clients.flink import FlinkRest, Job, RequestRefused
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.accounts import Account, read_accounts
from streaming.control.failures import last_failure
from streaming.control.job_starts import newest_start
from streaming.control.kafka_log import KafkaLog
from streaming.control.lifecycle import required_job
from streaming.control.snapshots import Snapshot, Snapshots

COMMIT_POLL_S = 0.5


class LogPositions(Protocol):
    """The ends of the log, and how far completed checkpoints cover it; `KafkaLog` reads them from Kafka."""

    def ends(self) -> dict[int, int]:
        """Return the offset that the next record of each partition gets."""

    def read_to(self) -> dict[int, int]:
        """Return the first offset of each partition that no completed checkpoint covers."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of the job; offsets by partition, `read_to` as committed to Kafka after completed checkpoints.

    `state` is Flink's. Where Flink knows no such job it is `NOT STARTED`, or `STOPPED` after a stop with a savepoint,
    or else `LOST`; then `started_at` is the newest recorded start, and `resumes_from` the snapshot of the next one.
    `way_out` is what to do about the latest failure, where that is known.
    `lag` counts the records that its operator has not read. There is an account of each partition while the job runs.
    """

    state: str
    job_id: str | None
    uptime_s: float
    restarts: int
    last_failure: str | None
    last_checkpoint_at: str | None
    read_to: dict[int, int]
    log_end: dict[int, int]
    lag: int
    partitions_added: int
    accounts: list[Account]
    started_at: str | None = None
    resumes_from: Snapshot | None = None
    way_out: str | None = None

    @property
    def residue(self) -> int:
        """How many records the running job has read and not accounted for."""
        return sum(abs(account.residue) for account in self.accounts)


def status(settings: StreamingSettings, *, log: LogPositions | None = None) -> Status:
    """Return the status of the job and how far it has read; `log` is that of the settings' Kafka, unless given."""
    rest, log = FlinkRest(settings.flink_url), log or KafkaLog(settings)
    job = next(iter(rest.jobs(settings.job_name)), None)
    checkpoint = rest.last_checkpoint(job.job_id) if job else None
    failure = last_failure(settings, rest, job.job_id) if job else None
    accounts = read_accounts(rest, job.job_id) if job and not job.has_ended else []
    started_at, snapshot = (None, None) if job else (_newest_start(settings), _newest_snapshot(settings))
    read_to, log_end = log.read_to(), log.ends()
    known = read_to | {a.partition: max(a.next_offset, read_to.get(a.partition, 0)) for a in accounts}
    return Status(
        state=job.state if job else _state_of_an_absent_job(started_at, snapshot),
        job_id=job.job_id if job else None,
        uptime_s=time.time() - job.started_ms / 1_000 if job and not job.has_ended else 0.0,
        restarts=rest.restarts(job.job_id) if job and not job.has_ended else 0,
        last_failure=failure.cause if failure else None,
        last_checkpoint_at=_iso_time(checkpoint["latest_ack_timestamp"]) if checkpoint else None,
        read_to=read_to,
        log_end=log_end,
        lag=sum(max(0, end - known[partition]) for partition, end in log_end.items()),
        partitions_added=_partitions_added(settings, len(log_end)),
        accounts=accounts,
        started_at=started_at,
        resumes_from=snapshot,
        way_out=failure.way_out if failure else None,
    )


def wait(
    settings: StreamingSettings,
    timeout_s: float,
    progress: Callable[[str], None] = lambda text: None,
    *,
    log: LogPositions | None = None,
    poll_s: float = COMMIT_POLL_S,
) -> dict[int, int]:
    """Wait until the stream has read the log to its present end, and its rows are in the database.

    A checkpoint covers an offset only after every row made from the records before it has been flushed. So the rows of
    what the operator had read when a checkpoint was requested are there once it is complete. The same holds for the
    offsets that the job has committed to Kafka: it commits after a checkpoint, without new records with some delay.

    Args:
        settings: where Flink and Kafka are.
        timeout_s: how long to wait altogether.
        progress: takes a line with how many records are left.
        log: the log of the settings' Kafka, unless given.
        poll_s: how long to pause between two questions.

    Returns:
        the log's ends at the call, by partition.

    Raises:
        SmaError: the job does not run or fails, or the time is up.
    """
    deadline = time.monotonic() + timeout_s
    log = log or KafkaLog(settings)
    ends, committed = log.ends(), log.read_to()
    reported = None
    while True:
        behind = sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())
        if not behind:
            return ends
        job = required_job(settings)
        if behind != reported:
            progress(f"{behind:,} records not committed yet")
            reported = behind
        if time.monotonic() > deadline:
            raise SmaError(f"the stream is still {behind} records behind after {timeout_s:.0f} s: give it more time")
        if job.is_running:
            covered = _read_before_checkpoint(settings, job, max(1.0, deadline - time.monotonic()))
            for partition, offset in (*covered.items(), *log.read_to().items()):
                committed[partition] = max(offset, committed.get(partition, 0))
        time.sleep(poll_s)


def _state_of_an_absent_job(started_at: str | None, snapshot: Snapshot | None) -> str:
    """Return the state of a job that Flink does not know: it forgets jobs when it restarts, and some time after an end.

    A job that was stopped has left a savepoint that no checkpoint follows; a running one takes one every few seconds.
    """
    if started_at is None and snapshot is None:
        return "NOT STARTED"
    return "STOPPED" if snapshot is not None and snapshot.kind == "savepoint" else "LOST"


def _newest_start(settings: StreamingSettings) -> str | None:
    try:
        started_at = newest_start(settings)
    except SmaError:  # the database is down, which `sma status` shows; the snapshots are elsewhere
        return None
    return started_at.astimezone(UTC).isoformat(timespec="seconds") if started_at else None


def _newest_snapshot(settings: StreamingSettings) -> Snapshot | None:
    try:
        return Snapshots(settings).newest()
    except SmaError:  # `sma stream start` reports what is wrong with it
        return None


def _partitions_added(settings: StreamingSettings, partitions: int) -> int:
    """Return how many partitions the topic has gained since the newest state lineage began."""
    try:
        return partitions - Snapshots(settings).job_config().partitions
    except SmaError:
        return 0


def _read_before_checkpoint(settings: StreamingSettings, job: Job, timeout_s: float) -> dict[int, int]:
    """Take a checkpoint and return how far the operator had read before; empty if the checkpoint failed."""
    rest = FlinkRest(settings.flink_url)
    running_since = rest.running_since_ms(job.job_id)
    read = {account.partition: account.next_offset for account in read_accounts(rest, job.job_id)}
    try:
        rest.checkpoint(job.job_id, timeout_s)
    except RequestRefused:
        required_job(settings)  # raises the cause, unless another checkpoint was only in progress
        return {}
    return read if rest.running_since_ms(job.job_id) == running_since else {}


def _iso_time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
