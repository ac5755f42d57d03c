"""Control of the running job: is it there, start it, stop it, how far is it, wait for it.

One job of the name `job_name` runs at a time. Nothing here prints; what was done is returned.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from streaming.kafka_log import KafkaLog
from streaming.options import jars
from streaming.rest import POLL_S, FlinkRest, Job, RequestRefused
from streaming.snapshots import Snapshot, Snapshots

START_TIMEOUT_S = 120.0
SLOTS_TIMEOUT_S = 30.0
SAVEPOINT_TIMEOUT_S = 300.0
CONFIRM_POLL_S = 1.0

# The client plans one job and ends. Compiling for the long run, and PyFlink's server for Python functions, of which
# the job has none, made a submission take 20 s instead of 10.
_CLIENT_ENVIRONMENT = {
    "JVM_ARGS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "_python_worker_execution_mode": "process",
}


@dataclass(frozen=True, slots=True)
class Started:
    """What `start` did."""

    job_id: str
    was_running: bool
    resumed_from: Snapshot | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the job is; offsets by partition, `read_to` as far as completed checkpoints cover.

    `late_records` and `rejected_records` count what the topics hold; a failure can have written some of it twice.
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
    late_records: int
    rejected_records: int


def find_job(settings: Settings) -> Job | None:
    """Return the job that runs, or is about to, or is being restarted; None where there is none."""
    return next((job for job in FlinkRest(settings.flink_url).jobs(settings.job_name) if not job.has_ended), None)


def start(settings: Settings, fresh: bool = False) -> Started:
    """Start the job, unless it is there already, and return once all of it runs.

    It resumes from the newest complete savepoint or checkpoint; with `fresh`, or without any, it reads the log anew.

    Raises:
        SmaError: it could not be started, or `fresh` is asked for while it runs.
    """
    job = find_job(settings)
    if job is not None:
        if fresh:
            raise SmaError(f"the job {settings.job_name} is {job.state}: stop it before a fresh start")
        return Started(job.job_id, was_running=True, resumed_from=None)
    load_averages(settings.averages)
    jars(settings.flink_jars)
    log = KafkaLog(settings)
    _await_slots(settings, settings.parallelism or log.partition_count())
    snapshots = Snapshots(settings)
    snapshot = None if fresh else snapshots.newest()
    if snapshot is None:
        log.forget_read_to()
        history_uri = snapshots.new_history_uri()
    else:
        history_uri = snapshots.history_uri()
    job_id = _submit(settings, history_uri, snapshot)
    _await_running(settings)
    return Started(job_id, was_running=False, resumed_from=snapshot)


def stop(settings: Settings) -> str | None:
    """Stop the job with a savepoint, closing no window early, and return the savepoint; None where no job runs."""
    job = find_job(settings)
    if job is None:
        return None
    folder_uri = f"{Snapshots(settings).history_uri()}/savepoints"
    location = FlinkRest(settings.flink_url).stop_with_savepoint(job.job_id, folder_uri, SAVEPOINT_TIMEOUT_S)
    _poll(lambda: find_job(settings) is None, START_TIMEOUT_S, f"the job {settings.job_name} did not end")
    return location


def savepoint(settings: Settings) -> str:
    """Take a savepoint of the running job and return it."""
    job = _required_job(settings)
    folder_uri = f"{Snapshots(settings).history_uri()}/savepoints"
    return FlinkRest(settings.flink_url).savepoint(job.job_id, folder_uri, SAVEPOINT_TIMEOUT_S)


def cancel(settings: Settings) -> None:
    """End the job, if there is one, at once and without a savepoint."""
    job = find_job(settings)
    if job is not None:
        FlinkRest(settings.flink_url).cancel(job.job_id)
        _poll(lambda: find_job(settings) is None, START_TIMEOUT_S, f"the job {settings.job_name} did not end")


def status(settings: Settings) -> Status:
    """Return how the job is and how far it has read."""
    rest, log = FlinkRest(settings.flink_url), KafkaLog(settings)
    job = next(iter(rest.jobs(settings.job_name)), None)
    checkpoint = rest.last_checkpoint(job.job_id) if job else None
    read_to, log_end = log.read_to(), log.ends()
    return Status(
        state=job.state if job else "NOT STARTED",
        job_id=job.job_id if job else None,
        uptime_s=time.time() - job.started_ms / 1_000 if job and not job.has_ended else 0.0,
        restarts=rest.restarts(job.job_id) if job and not job.has_ended else 0,
        last_failure=rest.last_failure(job.job_id) if job else None,
        last_checkpoint_at=_iso_time(checkpoint["latest_ack_timestamp"]) if checkpoint else None,
        read_to=read_to,
        log_end=log_end,
        lag=sum(max(0, end - read_to[partition]) for partition, end in log_end.items()),
        late_records=log.record_count(settings.late_events_topic),
        rejected_records=log.record_count(settings.rejected_events_topic),
    )


def wait(settings: Settings, timeout_s: float, progress: Callable[[str], None] = lambda text: None) -> dict[int, int]:
    """Wait until all that the log holds now has been read and what follows from it is in the database.

    A checkpoint covers an offset only after every row made from the records before it has been flushed, and only
    completed checkpoints commit their offsets: the committed offsets are the proof.

    Returns:
        the log's ends at the call, by partition.

    Raises:
        SmaError: the job does not run or fails, or the time is over.
    """
    deadline = time.monotonic() + timeout_s
    rest, log = FlinkRest(settings.flink_url), KafkaLog(settings)
    ends = log.ends()
    said = None
    while True:
        read_to = log.read_to()
        behind = sum(max(0, end - read_to[partition]) for partition, end in ends.items())
        if not behind:
            return ends
        job = _required_job(settings)
        if behind != said:
            progress(f"{behind:,} records not confirmed yet")
            said = behind
        if time.monotonic() > deadline:
            raise SmaError(f"the stream is still {behind} records behind after {timeout_s:.0f} s: give it more time")
        if job.is_running:
            try:
                rest.checkpoint(job.job_id, max(1.0, deadline - time.monotonic()))
            except RequestRefused:
                _required_job(settings)  # says why, unless it was only another checkpoint's turn
        time.sleep(CONFIRM_POLL_S)  # where no new records come, Flink's Kafka reader takes up to 10 s to commit


def _required_job(settings: Settings) -> Job:
    rest = FlinkRest(settings.flink_url)
    job = next(iter(rest.jobs(settings.job_name)), None)
    if job is None:
        raise SmaError(f"no job {settings.job_name} at {settings.flink_url}: run `sma stream start`")
    if job.has_ended or job.state in ("FAILING", "RESTARTING", "CANCELLING"):
        cause = rest.last_failure(job.job_id)
        hint = "run `sma stream start`" if job.has_ended else "see `sma stream status`"
        raise SmaError(f"the job {settings.job_name} is {job.state}{f' ({cause})' if cause else ''}: {hint}")
    return job


def _submit(settings: Settings, history_uri: str, snapshot: Snapshot | None) -> str:
    command = [sys.executable, "-m", "streaming.job", "--history", history_uri]
    if snapshot is not None:
        command += ["--from", snapshot.uri]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=os.environ | _CLIENT_ENVIRONMENT | _environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SmaError(f"the job {settings.job_name} could not be started: {lines[-1]}")
    return str(json.loads(done.stdout.strip().splitlines()[-1])["job_id"])


def _environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give another process these settings."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        f"SMA_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }


def _await_slots(settings: Settings, parallelism: int) -> None:
    rest = FlinkRest(settings.flink_url)
    _poll(
        lambda: rest.free_slots() >= parallelism,
        SLOTS_TIMEOUT_S,
        f"Flink at {settings.flink_url} has not the {parallelism} free task slots that the job needs:"
        " add a TaskManager, or set SMA_PARALLELISM lower",
    )


def _await_running(settings: Settings) -> None:
    _poll(
        lambda: _required_job(settings).is_running,
        START_TIMEOUT_S,
        f"the job {settings.job_name} was taken by Flink but does not run yet: see `sma stream status`",
    )


def _poll(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    try:
        Retrying(
            retry=retry_if_result(lambda is_true: not is_true),
            stop=stop_after_delay(timeout_s),
            wait=wait_fixed(POLL_S),
        )(condition)
    except RetryError as error:
        raise SmaError(otherwise) from error


def _iso_time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
