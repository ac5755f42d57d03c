"""Upgrades the job to another averages.yaml, other settings or a new operator without losing state or rows.

Where the state carries over, the job stops with a savepoint and starts from it. Where averages were added, they need
events from before: a catch-up job computes the log next to the running one, and takes its place once it has caught up.
Both emit the same rows for the averages that stay, and a row is never replaced by an older version, so readers notice
nothing. An upgrade that is interrupted has either not happened or can be run again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from clients.flink import FlinkRest
from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control import lifecycle
from streaming.control.accounts import read_accounts
from streaming.control.job_config import Change, Effect, changes
from streaming.control.kafka_log import KafkaLog
from streaming.control.snapshots import Snapshots
from streaming.submit.plan import catch_up_plan

CAUGHT_UP_RECORDS = 20_000  # about what the job reads while it is stopped and started
POLL_S = 1.0

_READ_TO = "read_to."  # AveragesOperator.READ_TO


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What the job is to compute, the changes of the job config, and what they require: the worst of them decides."""

    averages: Averages
    changes: tuple[Change, ...]

    @property
    def effect(self) -> Effect:
        """What the upgrade requires."""
        effects = {change.effect for change in self.changes}
        return next((effect for effect in reversed(Effect) if effect in effects), Effect.CARRIES_OVER)


def plan_upgrade(settings: StreamingSettings) -> Upgrade:
    """Compare the job config of the job's state with the present averages.yaml and topic.

    Raises:
        SmaError: the job has no state yet.
    """
    averages = load_averages(settings.averages)
    present = lifecycle.current_job_config(settings, averages)
    return Upgrade(averages, tuple(changes(Snapshots(settings).job_config(), present)))


def upgrade(
    settings: StreamingSettings,
    planned: Upgrade,
    without_log: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> lifecycle.Started:
    """Continue the job with the present averages.yaml and settings; start it if it does not run.

    Args:
        settings: where everything is.
        planned: from `plan_upgrade`.
        without_log: emit rows of added averages only from where the kept state holds their whole window.
        progress: takes a line now and then.

    Raises:
        SmaError: the state does not carry over, Kafka no longer has the events of added averages, or a step failed; the
            text has what runs then.
    """
    if planned.effect is Effect.NEEDS_NAME:
        text = _first(planned.changes, Effect.NEEDS_NAME).text
        raise SmaError(f"{text}: nothing was changed; {Effect.NEEDS_NAME.value}")
    if planned.effect is Effect.NEEDS_FRESH:
        raise SmaError(
            f"{_first(planned.changes, Effect.NEEDS_FRESH).text}, and the state does not carry over: nothing was "
            "changed; `sma stream stop`, then `sma stream start --fresh` computes everything again"
        )
    job = lifecycle.settle(settings)
    if planned.effect is Effect.NEEDS_LOG and not without_log:
        return _take_over_from_log(settings, planned.averages, progress)
    if job is not None:
        progress("stopping with a savepoint")
        lifecycle.stop(settings)
    return lifecycle.launch(settings, planned.averages, Snapshots(settings).newest())


def _take_over_from_log(
    settings: StreamingSettings, averages: Averages, progress: Callable[[str], None]
) -> lifecycle.Started:
    """Compute the log with a catch-up job, and start the job again from its state.

    The catch-up job writes to no topic. So the running one, which does, continues until it has read as much; what it
    has written by the time it stops is not written again.
    """
    catch_up = lifecycle.catch_up_settings(settings)
    log, rest = KafkaLog(settings), FlinkRest(settings.flink_url)
    _require_whole(settings, log.starts())
    running = lifecycle.find_job(settings) or _start_as_it_was(settings, progress)
    snapshots, catch_up_snapshots = Snapshots(settings), Snapshots(catch_up)
    stored = snapshots.job_config()
    plan = catch_up_plan(settings, averages, stored.generation, log.starts())
    lineage_uri = catch_up_snapshots.new_lineage_uri()
    job_id = lifecycle.run(catch_up, plan, lineage_uri, None, is_secondary=True)
    try:
        catching_up = "computing the added averages from the log: {:,} records to go"
        _await_read(
            rest, job_id, log.starts, log.readable_ends, CAUGHT_UP_RECORDS, lambda n: progress(catching_up.format(n))
        )
        progress("replacing the running job")
        rest.stop_with_savepoint(job_id, f"{lineage_uri}/savepoints", lifecycle.SAVEPOINT_TIMEOUT_S)
        ends, waiting = log.stable_ends(), "waiting until the running job has read as much: {:,} records to go"

        def as_much(read: Mapping[int, int]) -> dict[int, int]:
            return log.readable_ends(read, ends)

        _await_read(rest, running.job_id, log.read_to, as_much, 0, lambda n: progress(waiting.format(n)))
        lifecycle.stop(settings)
        config = replace(
            lifecycle.current_job_config(settings, averages),
            partitions=stored.partitions,  # series that moved before are still in two of them
            generation=stored.generation,
            published_to=_read_by(rest, running.job_id),
        )
        catch_up_snapshots.save_job_config(config)
        snapshots.adopt(catch_up_snapshots)
    finally:
        lifecycle.cancel(catch_up)
    return lifecycle.launch(settings, averages, snapshots.newest())


def _read_by(rest: FlinkRest, job_id: str) -> dict[int, int]:
    """Return the first offset of each partition that a job that has ended did not read.

    Its last commit to Kafka may be missing: the source may close before it is sent.
    """
    return {
        int(name.removeprefix(_READ_TO)): int(offset)
        for name, offset in rest.final_accumulators(job_id, lifecycle.START_TIMEOUT_S).items()
        if name.startswith(_READ_TO)
    }


def _start_as_it_was(settings: StreamingSettings, progress: Callable[[str], None]) -> lifecycle.Started:
    progress("starting the job as it was when it was stopped")
    snapshots = Snapshots(settings)
    return lifecycle.launch(settings, snapshots.job_config().averages(), snapshots.newest())


def _await_read(
    rest: FlinkRest,
    job_id: str,
    known: Callable[[], dict[int, int]],
    readable_ends: Callable[[Mapping[int, int]], dict[int, int]],
    at_most: int,
    progress: Callable[[int], None],
) -> None:
    """Return once a job has at most so many records still to read before the readable ends.

    It has read the records in its accounts, and the offsets in `known`. The ends depend on that: an offset without a
    record, such as a transaction's marker at the end of the log, is in no account until a record follows. What is after
    an open transaction is not waited for: no job is given it.
    """
    reported = None
    while True:
        read = known()
        for account in read_accounts(rest, job_id):
            read[account.partition] = max(account.next_offset, read.get(account.partition, 0))
        behind = sum(end - read.get(partition, 0) for partition, end in readable_ends(read).items())
        if behind <= at_most:
            return
        if rest.state(job_id) != "RUNNING":
            raise SmaError(
                f"a job that the upgrade waits for is {rest.state(job_id)} ({rest.last_failure(job_id)}): "
                "nothing was changed"
            )
        if behind != reported:
            progress(behind)
            reported = behind
        time.sleep(POLL_S)


def _require_whole(settings: StreamingSettings, starts: dict[int, int]) -> None:
    for partition, start in starts.items():
        if start > 0:
            raise SmaError(
                f"{settings.events_topic}: partition {partition}: the offsets 0 to {start - 1} are gone, so added "
                "averages cannot be computed from the whole log: nothing was changed; `sma stream upgrade "
                "--without-log` emits their rows from where the kept state holds whole windows"
            )


def _first(changes: Sequence[Change], effect: Effect) -> Change:
    return next(change for change in changes if change.effect is effect)
