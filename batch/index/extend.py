"""Extends the offset index to the log's end: the one pass that reads every record, once and in order."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batch.index.index_pass import BLOCK_EVENTS, IndexPass, LateEvents
from batch.index.index_tables import fill_in_topic_id, forget, locked_partition, read_pass_end, write_pass
from batch.index.log_index import Rule, first_offsets, read_read_to, read_rules, read_topic_ids
from batch.index.split_marks import settle_marks
from batch.log.limits import WORK_LIMITS, WorkLimits
from batch.log.offsets import OffsetRange, Progress, retained_ranges
from batch.log.parallel import each_message
from batch.log.reader import read_partition
from batch.log.record_sizes import first_records
from batch.store.database import connect
from clients.kafka.offsets import topic_id
from sma.averages import Averages
from sma.errors import SmaError
from sma.origin import PRODUCERS_CLOCK_MS
from sma.settings import BatchSettings

_LOG = logging.getLogger(__name__)
STEP_RECORDS = 1_000_000  # in one transaction
_NEW_RULE = "averages.yaml has changed which events are late"
MOST_AT_ONCE = 5_000_000  # that a sensor indexes


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a pass has read; `partitions` has the first and the end Kafka offset of each."""

    records: int
    events: int
    late_events: int
    rejected_events: int
    heartbeats: int
    partitions: dict[int, tuple[int, int]]
    seconds: float

    @property
    def read_to(self) -> dict[int, int]:
        """Where the index of each partition ends."""
        return {partition: end for partition, (_, end) in self.partitions.items()}


@dataclass(frozen=True, slots=True)
class _Task:
    settings: BatchSettings
    partition: int
    first_offset: int
    end: int
    rule: Rule
    block_events: int
    topic_id: str


@dataclass(frozen=True, slots=True)
class _Step:
    """What one transaction has added; `events` are those that are not late."""

    from_offset: int
    to_offset: int
    events: int
    late_events: int
    rejected_events: int
    heartbeats: int
    first_rejected: int | None = None

    @property
    def records(self) -> int:
        return self.events + self.late_events + self.rejected_events + self.heartbeats


def extend_index(
    settings: BatchSettings,
    averages: Averages,
    progress: Progress,
    block_events: int = BLOCK_EVENTS,
    limits: WorkLimits = WORK_LIMITS,
) -> IndexReport:
    """Index the records after the end of the index, partition by partition, in several transactions.

    The first pass begins with what Kafka retains, which has an origin if it is not the log's beginning (`sma.origin`).
    If averages.yaml changes which events are late or rejected, the log is indexed again from its beginning. Concurrent
    calls are safe: a partition is extended by one at a time, and the next has little or nothing left to do.

    Args:
        settings: where Kafka and the database are.
        averages: decide which events are late or rejected.
        progress: takes a line per step.
        block_events: how many events a block of the index holds.
        limits: of the computation.

    Raises:
        SmaError: Kafka or the database does not answer, Kafka no longer holds the next records, or holds less than was
            indexed, or the topic was made anew since.
    """
    started = time.monotonic()
    rule = Rule.of(averages)
    ranges, events_id = (
        retained_ranges(settings, settings.events_topic),
        topic_id(settings.kafka_as("batch"), settings.events_topic),
    )
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        _require_same_topic(settings, read_topic_ids(connection), events_id)
        if read_rules(connection) - {rule}:
            _require_from(settings, ranges, first_offsets(connection, ranges, {}), _NEW_RULE)
            progress("allowed_lateness or max_ahead has changed: indexing the log again")
            forget(connection)
        fill_in_topic_id(connection, events_id)
        indexed_to = read_read_to(connection)
        begins = first_offsets(connection, ranges, indexed_to)
    _require_from(settings, ranges, begins, "the index ends before them")
    if not indexed_to:
        _say_where_it_begins(begins, progress)
    tasks = [
        _Task(settings, partition, begins[partition], retained.end, rule, block_events, events_id)
        for partition, retained in ranges.items()
        if retained.end != indexed_to.get(partition)
    ]
    offsets = sum(retained.end - begins[partition] for partition, retained in ranges.items())
    steps = {partition: [_nothing_at(retained.end)] for partition, retained in ranges.items()}
    steps |= {task.partition: [] for task in tasks}
    done = 0
    for number, step in each_message(_extend, tasks, offsets, limits):
        steps[tasks[number].partition].append(step)
        done += step.records
        if offsets > STEP_RECORDS:
            progress(f"indexed {done:,} of {offsets:,} offsets")
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        settle_marks(connection)
    _log_rejected(steps)
    return _report(steps, time.monotonic() - started)


def extend_index_a_little(
    settings: BatchSettings, averages: Averages, most_offsets: int = MOST_AT_ONCE
) -> IndexReport | None:
    """Index the new records if that takes seconds; return None where nothing is new, or it is left to a run.

    A run does it where there is more to read, or the log has to be indexed again by other rules.

    Args:
        settings: where Kafka and the database are.
        averages: decide which events are late or rejected.
        most_offsets: how many Kafka offsets to index at most.

    Raises:
        SmaError: as `extend_index`.
    """
    ranges = retained_ranges(settings, settings.events_topic)
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        begins = first_offsets(connection, ranges, read_read_to(connection))
        is_of_other_rules = bool(read_rules(connection) - {Rule.of(averages)})
    offsets = sum(retained.end - begins[partition] for partition, retained in ranges.items())
    if is_of_other_rules or not 0 < offsets <= most_offsets:
        return None
    return extend_index(settings, averages, lambda _: None)


def _nothing_at(offset: int) -> _Step:
    return _Step(offset, offset, 0, 0, 0, 0)


def _log_rejected(steps: Mapping[int, list[_Step]]) -> None:
    """Warn of rejected events, once for each partition."""
    for partition, of_partition in steps.items():
        rejected = sum(step.rejected_events for step in of_partition)
        if rejected:
            first = next(step.first_rejected for step in of_partition if step.first_rejected is not None)
            _LOG.warning(
                "partition %d: %d rejected events, the first at Kafka offset %d: see the table sma.rejected_events",
                partition,
                rejected,
                first,
                extra={"partition": partition, "kafka_offset": first},
            )


def _report(steps: Mapping[int, list[_Step]], seconds: float) -> IndexReport:
    all_steps = [step for of_partition in steps.values() for step in of_partition]
    return IndexReport(
        records=sum(step.records for step in all_steps),
        events=sum(step.events + step.late_events for step in all_steps),
        late_events=sum(step.late_events for step in all_steps),
        rejected_events=sum(step.rejected_events for step in all_steps),
        heartbeats=sum(step.heartbeats for step in all_steps),
        partitions={partition: (each[0].from_offset, each[-1].to_offset) for partition, each in steps.items()},
        seconds=seconds,
    )


def _require_same_topic(settings: BatchSettings, indexed_ids: set[str], present_id: str) -> None:
    if present_id and indexed_ids - {present_id}:
        raise SmaError(
            f"{settings.events_topic} was deleted and made anew under its name since it was indexed (id "
            f"{', '.join(sorted(indexed_ids))} -> {present_id}), so other records have the Kafka offsets of those in "
            "the index. Stored results stay as they are; `sma up --fresh` starts with an empty database"
        )


def _say_where_it_begins(begins: Mapping[int, int], progress: Progress) -> None:
    gone = {partition: offset for partition, offset in begins.items() if offset > 0}
    if gone:
        first = min(gone)
        more = f" and the first of {len(gone) - 1} more" if len(gone) > 1 else ""
        progress(
            f"Kafka no longer holds the offsets 0 to {gone[first] - 1} of partition {first}{more}: windows that may "
            "need them get no rows"
        )


def _require_from(
    settings: BatchSettings, ranges: Mapping[int, OffsetRange], begins: Mapping[int, int], why: str
) -> None:
    for partition, retained in ranges.items():
        where, next_offset = f"{settings.events_topic}: partition {partition}", begins[partition]
        if retained.start > next_offset:
            raise SmaError(
                f"{where} no longer retains the Kafka offsets {next_offset} to {retained.start - 1}, and {why}, so no "
                "day is known to be complete: nothing was computed, and stored results stay as they are"
            )
        if retained.end < next_offset:
            raise SmaError(
                f"{where} ends at Kafka offset {retained.end}, but was indexed to {next_offset}: is this another Kafka?"
                " Stored results stay as they are; `sma up --fresh` starts with an empty database"
            )


def _appended_ms(task: _Task, offset: int) -> int | None:
    """Return when Kafka took the first record at or after an offset of the partition; None where there is none yet."""
    if offset >= task.end:
        return None
    records = first_records(task.settings, {task.partition: offset})
    record = records.get(task.partition)
    if record is None:
        return None
    return record.timestamp_ms if record.is_append_time else PRODUCERS_CLOCK_MS


def _extend(task: _Task) -> Iterator[_Step]:
    """Yield what each transaction added, and at least one step, which may be empty."""
    with (
        connect(task.settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection,
        locked_partition(connection, task.partition),
    ):
        pass_end = read_pass_end(connection, task.partition, task.first_offset)
        if pass_end.origin is not None and pass_end.origin.appended_ms is None:
            pass_end.origin.appended_ms = _appended_ms(task, pass_end.next_offset)
        done = IndexPass(pass_end, task.rule.allowed_lateness_ms, task.block_events)
        late: list[LateEvents] = []
        rejected: list[tuple[int, str]] = []
        from_offset, events, heartbeats = done.next_offset, 0, 0

        def write() -> _Step:
            write_pass(
                connection, task.partition, task.rule, from_offset, done, late, rejected, heartbeats, task.topic_id
            )
            late_events = sum(columns.kafka_offsets.size for columns in late)
            first_rejected = rejected[0][0] if rejected else None
            counts = (events - late_events, late_events, len(rejected), heartbeats)
            return _Step(from_offset, done.next_offset, *counts, first_rejected)

        for chunk in read_partition(
            task.settings,
            task.settings.events_topic,
            task.partition,
            done.next_offset,
            max(done.next_offset, task.end),
            task.rule.max_ahead_ms,
            done.series,
        ):
            if done.origin is not None and done.origin.appended_ms is None:
                raise SmaError(
                    f"{task.settings.events_topic}: partition {task.partition}: Kafka did not say in time when it took "
                    f"the first record that it retains, at offset {done.next_offset} or later: run this again"
                )
            late.append(done.add(chunk))
            rejected += zip(chunk.rejected_offsets.tolist(), chunk.reasons, strict=True)
            events += chunk.kafka_offsets.size
            heartbeats += chunk.heartbeat_offsets.size
            if events + heartbeats + len(rejected) >= STEP_RECORDS:
                yield write()
                done.forget_written()
                late, rejected = [], []
                from_offset, events, heartbeats = done.next_offset, 0, 0
        yield write()
