"""Replays a range of the log: a job next to the running one computes again every row that the range emits or corrects.

A replay is a job that ends. It reads the log from its beginning, since lateness and the content of windows depend on
what came before, and emits the rows of the range. A stored row of a newer version stays, so the running job
need not stop, and a replay that is run twice leaves the same table. Where Kafka no longer has the log's beginning, the
rows whose windows reach before what is left are not emitted, and stay as they are.

A range ends before the first transaction that is open: the job would wait for it, and its records are not emitted yet.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.instants import milliseconds
from sma.settings import StreamingSettings
from streaming.control.event_times import offsets_of
from streaming.control.job_config import Effect, JobConfig, changes
from streaming.control.job_starts import present_generation
from streaming.control.kafka_log import KafkaLog, beginnings_gone
from streaming.control.lifecycle import run_to_end
from streaming.control.snapshots import Snapshots
from streaming.submit.plan import replay_plan


@dataclass(frozen=True, slots=True)
class Range:
    """Records of each partition with from_offsets <= Kafka offset < to_offsets."""

    from_offsets: dict[int, int]
    to_offsets: dict[int, int]

    @property
    def records(self) -> int:
        """How many offsets it has."""
        return sum(end - self.from_offsets[partition] for partition, end in self.to_offsets.items())


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did, or would do.

    `first_record_at` and `last_record_at` are record timestamps, when Kafka took them, in milliseconds since the
    epoch; `first_as_of` and `last_as_of` those of the emitted rows. None where there are none.
    """

    range: Range
    warm_up_records: int
    first_record_at: int | None
    last_record_at: int | None
    rows_stated: int
    first_as_of: int | None
    last_as_of: int | None
    is_dry: bool
    seconds: float


def range_from_file(settings: StreamingSettings, path: Path, to: datetime | None) -> Range:
    """Return the range from the offsets in a JSON file, `{"0": 1200, ...}`; a partition that is not there is left out.

    Raises:
        SmaError: the file cannot be read, or names offsets that are not in the log.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        from_offsets = {int(partition): int(offset) for partition, offset in read.items()}
    except OSError as error:
        raise SmaError(f'{path}: {error.strerror}: it must hold offsets, e.g. {{"0": 1200, "1": 900}}') from error
    except (ValueError, TypeError, AttributeError) as error:
        raise SmaError(f'{path}: not a JSON object of partitions and offsets, e.g. {{"0": 1200, "1": 900}}') from error
    log = KafkaLog(settings)
    ends = log.stable_ends()
    unknown = sorted(from_offsets.keys() - ends.keys())
    if unknown:
        raise SmaError(f"{path}: partition {unknown[0]}: {settings.events_topic} has partitions 0 to {max(ends)}")
    return _range(log, {partition: from_offsets.get(partition, end) for partition, end in ends.items()}, to)


def range_of_event_time(settings: StreamingSettings, start: datetime, to: datetime | None) -> Range:
    """Return the range that has every event from a time on, and before another; what is not indexed yet is in it.

    Raises:
        SmaError: Kafka or the database does not answer.
    """
    log = KafkaLog(settings)
    until_ms = None if to is None else milliseconds(to)
    return Range(*offsets_of(settings, log.starts(), log.stable_ends(), milliseconds(start), until_ms))


def range_of_arrival(settings: StreamingSettings, start: datetime, to: datetime | None) -> Range:
    """Return the range from the first record with a timestamp at or after a time: that Kafka took then, or later."""
    log = KafkaLog(settings)
    return _range(log, log.offsets_at(milliseconds(start)), to)


def replay(
    settings: StreamingSettings, log_range: Range, is_dry: bool, progress: Callable[[str], None] = lambda text: None
) -> Replayed:
    """Run the replay and return once it has ended.

    Raises:
        SmaError: Kafka no longer has the records that it needs, or the job failed.
    """
    started = time.monotonic()
    log = KafkaLog(settings)
    starts = log.starts()
    require_retained(settings, starts, log_range)
    averages = load_averages(settings.averages)
    _require_present_rules(settings, averages, len(starts))
    generation = present_generation(settings)
    plan = replay_plan(settings, averages, generation, starts, log_range.from_offsets, log_range.to_offsets, is_dry)
    own = settings.model_copy(update={"job_name": f"{settings.job_name}-replay"})
    for partition, start in beginnings_gone(starts).items():
        progress(
            f"partition {partition}: Kafka no longer holds the offsets 0 to {start - 1}: rows whose windows may need "
            "them stay as they are"
        )
    warm_up = sum(log_range.from_offsets[partition] - start for partition, start in starts.items())
    progress(f"reading {log_range.records:,} records, and {warm_up:,} before them, on which their windows depend")
    counters = run_to_end(own, plan)
    rows = int(counters.get("rows_stated", 0))
    first_at, last_at = log.time_span(log_range.from_offsets, log_range.to_offsets) or (None, None)
    return Replayed(
        range=log_range,
        warm_up_records=warm_up,
        first_record_at=first_at,
        last_record_at=last_at,
        rows_stated=rows,
        first_as_of=int(counters["first_as_of"]) if rows else None,
        last_as_of=int(counters["last_as_of"]) if rows else None,
        is_dry=is_dry,
        seconds=round(time.monotonic() - started, 3),
    )


def _require_present_rules(settings: StreamingSettings, averages: Averages, partitions: int) -> None:
    """Refuse averages.yaml where its rows would not be those of the job: they have its generation."""
    snapshots = Snapshots(settings)
    if snapshots.generation() == 0:
        return
    for change in changes(snapshots.job_config(), JobConfig.of(averages, partitions)):
        if change.effect in (Effect.NEEDS_FRESH, Effect.NEEDS_NAME):
            raise SmaError(f"averages.yaml is not what the job computes ({change.text}): nothing was replayed")


def require_retained(settings: StreamingSettings, starts: Mapping[int, int], log_range: Range) -> None:
    """Refuse a range of which Kafka no longer has the records.

    Raises:
        SmaError: names the partition and the offsets that are gone.
    """
    for partition, start in starts.items():
        from_offset = log_range.from_offsets[partition]
        if from_offset < start:
            raise SmaError(
                f"{settings.events_topic}: partition {partition}: the offsets {from_offset} to {start - 1} are gone, "
                f"Kafka holds {start} on: nothing was replayed"
            )


def _range(log: KafkaLog, from_offsets: Mapping[int, int], to: datetime | None) -> Range:
    ends = log.stable_ends()
    to_offsets = ends if to is None else log.offsets_at(milliseconds(to))
    for partition, offset in from_offsets.items():
        if not 0 <= offset <= ends[partition]:
            raise SmaError(
                f"partition {partition}: offset {offset} is not in the log, which can be read to {ends[partition]}"
            )
    return Range(dict(from_offsets), {p: max(offset, from_offsets[p]) for p, offset in to_offsets.items()})
