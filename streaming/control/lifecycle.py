"""Starts and stops the running job, and takes savepoints of it.

One job of the name `job_name` runs at a time. Nothing here prints; each function returns what it did. The progress of
the job belongs to `streaming.control.progress`.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from clients.flink import ENDED, POLL_S, FlinkRest, Job
from sma.averages import Averages
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.failures import last_failure
from streaming.control.job_config import Change, Effect, JobConfig, changes
from streaming.control.job_starts import add_start, present_generation, require_present
from streaming.control.kafka_log import KafkaLog, beginnings_gone
from streaming.control.rights import require_rights
from streaming.control.slots import parallelism_of
from streaming.control.snapshots import Snapshot, Snapshots
from streaming.submit.options import job_options
from streaming.submit.plan import running_plan
from streaming.submit.submission import MOVING_AVERAGES, submit

START_TIMEOUT_S = 120.0
SAVEPOINT_TIMEOUT_S = 300.0

_RESTARTING = ("FAILING", "RESTARTING")

# what Flink says of a snapshot that it cannot read
_UNREADABLE = re.compile(r"EOFException|FileNotFoundException|StreamCorrupted|Could not deserialize|magic number")


@dataclass(frozen=True, slots=True)
class Started:
    """What `start` did.

    `changes` are those of the job config since the snapshot, all of which carry over. `retained_from` is for a job that
    began without a snapshot: the first retained Kafka offset of each partition whose beginning Kafka no longer holds.
    """

    job_id: str
    was_running: bool
    resumed_from: Snapshot | None
    changes: tuple[Change, ...] = ()
    retained_from: Mapping[int, int] = field(default_factory=dict)


def find_job(settings: StreamingSettings) -> Job | None:
    """Return the job that runs, or is about to, or is being restarted; None where there is none."""
    return next(iter(_jobs(settings)), None)


def _jobs(settings: StreamingSettings) -> list[Job]:
    """Return every job of that name that has not ended, the one started last first."""
    return [job for job in FlinkRest(settings.flink_url).jobs(settings.job_name) if not job.has_ended]


def catch_up_settings(settings: StreamingSettings) -> StreamingSettings:
    """Return the settings of the catch-up job, which an upgrade runs next to the running one."""
    return settings.model_copy(update={"job_name": f"{settings.job_name}-next"})


def settle(settings: StreamingSettings) -> Job | None:
    """End what a command that was killed has left behind, and return the job that then runs, if there is one.

    A catch-up job belongs to no command any more, and a job that is being stopped is waited for. The caller holds the
    lock of the job.

    Raises:
        SmaError: several jobs of the name run.
    """
    cancel(catch_up_settings(settings))
    jobs = _jobs(settings)
    if len(jobs) > 1:
        ids = ", ".join(job.job_id for job in jobs)
        raise SmaError(
            f"{len(jobs)} jobs {settings.job_name} run at {settings.flink_url} and write over one another ({ids}): "
            "cancel all but one in Flink's UI"
        )
    rest = FlinkRest(settings.flink_url)
    if not jobs or not rest.is_being_stopped(jobs[0].job_id):
        return next(iter(jobs), None)
    poll(
        lambda: find_job(settings) is None or not rest.is_being_stopped(jobs[0].job_id),
        SAVEPOINT_TIMEOUT_S,
        f"the job {settings.job_name} is being stopped with a savepoint, and has not ended yet: try again",
    )
    return find_job(settings)


def start(settings: StreamingSettings, averages: Averages, fresh: bool = False, from_uri: str | None = None) -> Started:
    """Start the job, unless it runs already, and return once all its tasks run.

    Args:
        settings: where everything is.
        averages: what it computes.
        fresh: whether it reads the log from its beginning, which it also does where there is no snapshot.
        from_uri: the savepoint or checkpoint from which it resumes; the newest complete one, unless given.

    Raises:
        SmaError: it could not be started, `fresh` is asked for while it runs, or the state does not carry over
            to the present averages.yaml.
    """
    job = settle(settings)
    if job is not None and job.state in _RESTARTING and (fresh or from_uri):
        cancel(settings)  # it takes no savepoint, so it cannot be stopped, and its state is not wanted
        job = None
    if job is not None:
        if fresh or from_uri:
            what = "a fresh start" if fresh else "it starts from another snapshot"
            raise SmaError(f"the job {settings.job_name} is {job.state}: stop it before {what}")
        return Started(job.job_id, was_running=True, resumed_from=None)
    snapshots = Snapshots(settings)
    if from_uri is not None:
        snapshot: Snapshot | None = snapshots.select(from_uri)
    else:
        snapshot = None if fresh else snapshots.newest()
    if snapshot is None:
        return launch(settings, averages, None)
    config_changes = changes(snapshots.job_config(), current_job_config(settings, averages))
    _require_carried_over(config_changes)
    return replace(launch(settings, averages, snapshot), changes=tuple(config_changes))


def launch(settings: StreamingSettings, averages: Averages, snapshot: Snapshot | None) -> Started:
    """Start the job from a snapshot of its newest state lineage, or from the log's beginning with a new lineage.

    The new lineage is there before its generation is recorded: all rows of a generation come from states that it began.
    """
    log, snapshots = KafkaLog(settings), Snapshots(settings)
    log.require_committable()
    starts = log.starts()
    config = JobConfig.of(averages, len(starts), log.topic_id())
    if snapshot is None:
        config = replace(config, generation=_next_generation(settings, snapshots))
    else:
        stored = snapshots.job_config()
        require_present(settings, stored.generation)
        # series that moved when partitions were added stay in two of them after every later start
        config = replace(
            config, partitions=stored.partitions, generation=stored.generation, published_to=stored.published_to
        )
    require_rights(settings)
    log.forget_read_to()  # what another job has committed says nothing of this one's rows
    lineage_uri = snapshots.new_lineage_uri() if snapshot is None else snapshots.lineage_uri()
    snapshots.save_job_config(config)
    add_start(settings, config, snapshot.uri if snapshot else None)
    plan = running_plan(settings, averages, config.generation, starts, config.published_to)
    try:
        job_id = run(settings, plan, lineage_uri, snapshot)
    except SmaError as error:
        if snapshot is None or not _UNREADABLE.search(str(error)):
            raise
        instead = snapshots.in_place_of(snapshot)
        raise SmaError(f"{error}: the {snapshot.kind} {snapshot.uri} is damaged{instead}") from error
    retained_from = {} if snapshot else beginnings_gone(starts)
    return Started(job_id, was_running=False, resumed_from=snapshot, retained_from=retained_from)


def _next_generation(settings: StreamingSettings, snapshots: Snapshots) -> int:
    """Return the number after those in the database and with the newest state, either of which may have been lost."""
    return max(present_generation(settings), snapshots.generation()) + 1


def run(
    settings: StreamingSettings,
    plan: Mapping[str, Any],
    lineage_uri: str | None,
    snapshot: Snapshot | None,
    is_secondary: bool = False,
) -> str:
    """Submit a job under the name in `settings`, and return its id once all its tasks run; see `submit_job`.

    Raises:
        SmaError: Flink has too few slots or refused the job, or the job failed.
    """
    job_id = submit_job(settings, plan, lineage_uri, snapshot, is_secondary)
    poll(
        lambda: required_job(settings).is_running,
        START_TIMEOUT_S,
        f"the job {settings.job_name} was accepted by Flink but does not run yet: see `sma stream status`",
    )
    return job_id


def run_to_end(settings: StreamingSettings, plan: Mapping[str, Any], job: str = MOVING_AVERAGES) -> dict[str, str]:
    """Run a job that ends, under the name in `settings`, and return its counters by name.

    Raises:
        SmaError: Flink has too few slots or refused the job, or the job failed or was cancelled.
    """
    rest = FlinkRest(settings.flink_url)
    job_id = submit_job(settings, plan, None, None, is_secondary=True, job=job)
    while (state := rest.state(job_id)) not in ENDED:
        if state in ("FAILING", "RESTARTING"):
            failure = last_failure(settings, rest, job_id)
            rest.cancel(job_id)
            raise SmaError(f"the job {settings.job_name} failed{failure or ''}")
        time.sleep(POLL_S)
    if state != "FINISHED":
        failure = last_failure(settings, rest, job_id)
        raise SmaError(f"the job {settings.job_name} is {state}{failure or ': someone ended it'}")
    return rest.final_accumulators(job_id, START_TIMEOUT_S)


def submit_job(
    settings: StreamingSettings,
    plan: Mapping[str, Any],
    lineage_uri: str | None,
    snapshot: Snapshot | None,
    is_secondary: bool,
    job: str = MOVING_AVERAGES,
) -> str:
    """Submit a job under the name in `settings`, and return its id.

    Raises:
        SmaError: Flink has too few slots, or refused the job.
    """
    parallelism = parallelism_of(settings, KafkaLog(settings).partition_count, is_secondary=is_secondary)
    options = job_options(settings, parallelism, lineage_uri, snapshot.uri if snapshot else None)
    return submit(settings, options, plan, job)


def current_job_config(settings: StreamingSettings, averages: Averages) -> JobConfig:
    """Return the job config of averages over the present topic."""
    log = KafkaLog(settings)
    return JobConfig.of(averages, log.partition_count(), log.topic_id())


def _require_carried_over(config_changes: Sequence[Change]) -> None:
    for change in config_changes:
        if change.effect is Effect.NEEDS_LOG:
            raise SmaError(f"{change.text} since the state was saved: run `sma stream upgrade`, which computes it")
        if change.effect is Effect.NEEDS_NAME:
            raise SmaError(f"{change.text} since the state was saved: {change.effect.value}")
        if change.effect is Effect.NEEDS_FRESH:
            raise SmaError(
                f"{change.text} since the state was saved, and it does not carry over: "
                "`sma stream start --fresh` computes everything again from the log"
            )


def stop(settings: StreamingSettings) -> str | None:
    """Stop the job with a savepoint, closing no window early, and return the savepoint; None where no job runs."""
    job = settle(settings)
    if job is None:
        return None
    folder_uri = f"{Snapshots(settings).lineage_uri()}/savepoints"
    location = FlinkRest(settings.flink_url).stop_with_savepoint(job.job_id, folder_uri, SAVEPOINT_TIMEOUT_S)
    poll(lambda: find_job(settings) is None, START_TIMEOUT_S, f"the job {settings.job_name} did not end")
    return location


def savepoint(settings: StreamingSettings) -> str:
    """Take a savepoint of the running job and return it."""
    job = required_job(settings)
    folder_uri = f"{Snapshots(settings).lineage_uri()}/savepoints"
    return FlinkRest(settings.flink_url).savepoint(job.job_id, folder_uri, SAVEPOINT_TIMEOUT_S)


def cancel(settings: StreamingSettings) -> None:
    """End the job, if there is one, at once and without a savepoint."""
    job = find_job(settings)
    if job is not None:
        FlinkRest(settings.flink_url).cancel(job.job_id)
        poll(lambda: find_job(settings) is None, START_TIMEOUT_S, f"the job {settings.job_name} did not end")


def required_job(settings: StreamingSettings) -> Job:
    """Return the job, which runs or is about to.

    Raises:
        SmaError: it does not run; the text has the reason.
    """
    rest = FlinkRest(settings.flink_url)
    job = next(iter(rest.jobs(settings.job_name)), None)
    if job is None:
        raise SmaError(f"no job {settings.job_name} at {settings.flink_url}: run `sma stream start`")
    if job.has_ended or job.state in (*_RESTARTING, "CANCELLING"):
        failure = last_failure(settings, rest, job.job_id)
        hint = "run `sma stream start`" if job.has_ended else "see `sma stream status`"
        if failure is not None and failure.way_out is not None and job.state not in ("CANCELED", "FINISHED"):
            hint = failure.way_out
        cause = f" ({failure.cause})" if failure else ""
        raise SmaError(f"the job {settings.job_name} is {job.state}{cause}: {hint}")
    return job


def poll(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    """Return once the condition is met; after `timeout_s`, raise an SmaError with the text `otherwise`."""
    try:
        Retrying(
            retry=retry_if_result(lambda is_true: not is_true),
            stop=stop_after_delay(timeout_s),
            wait=wait_fixed(POLL_S),
        )(condition)
    except RetryError as error:
        raise SmaError(otherwise) from error
