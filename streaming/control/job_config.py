"""Compares the job config of a state with the present one, and decides whether the state carries over.

The operator's state is the events of each series, not its averages, so most of averages.yaml may change while the state
stays. The rules by which events were kept may not. The config is stored with each state lineage.
"""

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from sma.averages import Averages
from sma.durations import format_duration
from sma.window import window_in_words
from streaming.submit.plan import average_of, windows


class Effect(Enum):
    """What a change of the job config requires."""

    CARRIES_OVER = "the state carries over"
    NEEDS_LOG = "the state carries over for the others; this one is computed from the log"
    NEEDS_FRESH = "the state does not carry over: everything is computed again"
    NEEDS_NAME = "a name stays with its window while rows of it are stored: give the new one a name of its own"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two job configs, in words, and what it requires."""

    text: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class JobConfig:
    """What a state depends on, and which log it is of.

    `windows` are as in the operator's plan, by average. `topic_id` is empty for a state that was stored before it was
    known, and on a Kafka that knows none. `generation` is that of `streaming.control.job_starts`; 0 for a state of
    before there were any. What records before `published_to`, by partition, give is in the topics already: a job that
    this one has replaced wrote it.
    """

    watermark_delay_ms: int
    allowed_lateness_ms: int
    max_ahead_ms: int
    windows: dict[str, dict[str, Any]]
    partitions: int
    topic_id: str = ""
    generation: int = 0
    published_to: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, averages: Averages, partitions: int, topic_id: str = "") -> "JobConfig":
        """Return the job config of averages.yaml over a topic of that id, with so many partitions."""
        return cls(
            watermark_delay_ms=averages.watermark_delay_ms,
            allowed_lateness_ms=averages.allowed_lateness_ms,
            max_ahead_ms=averages.max_ahead_ms,
            windows={window["average"]: window for window in windows(averages)},
            partitions=partitions,
            topic_id=topic_id,
        )

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "JobConfig":
        """Return the job config that `as_json` returned.

        Raises:
            TypeError: it has other fields.
        """
        published_to = {int(partition): offset for partition, offset in stored.get("published_to", {}).items()}
        offset = {"offset_ms": 0}  # which windows of older states do not have
        windows = {name: offset | window for name, window in stored["windows"].items()}
        return cls(**stored | {"published_to": published_to, "windows": windows})

    def averages(self) -> Averages:
        """Return the averages that it was made from."""
        return Averages(
            watermark_delay_ms=self.watermark_delay_ms,
            allowed_lateness_ms=self.allowed_lateness_ms,
            max_ahead_ms=self.max_ahead_ms,
            averages=tuple(average_of(window) for window in self.windows.values()),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, for `from_json`."""
        return asdict(self)


def changes(old: JobConfig, new: JobConfig) -> list[Change]:
    """Return the changes from `old` to `new`."""
    differences = [
        Change(
            f"{name}: {format_duration(getattr(old, field))} -> {format_duration(getattr(new, field))}",
            effect,
        )
        for name, field, effect in (
            ("watermark_delay", "watermark_delay_ms", Effect.CARRIES_OVER),
            ("allowed_lateness", "allowed_lateness_ms", Effect.NEEDS_FRESH),
            ("max_ahead", "max_ahead_ms", Effect.NEEDS_FRESH),
        )
        if getattr(old, field) != getattr(new, field)
    ]
    differences += [
        Change(f"average {name}: removed; its rows stay", Effect.CARRIES_OVER)
        for name in old.windows
        if name not in new.windows
    ]
    for name, window in new.windows.items():
        if name not in old.windows:
            differences.append(Change(f"average {name}: added ({_in_words(window)})", Effect.NEEDS_LOG))
        elif window != old.windows[name]:
            before = _in_words(old.windows[name])
            differences.append(Change(f"average {name}: {before} -> {_in_words(window)}", Effect.NEEDS_NAME))
    if old.topic_id and new.topic_id and old.topic_id != new.topic_id:
        differences.insert(
            0,
            Change(
                f"topic: it was deleted and made anew under its name (id {old.topic_id} -> {new.topic_id}), so other "
                "records have the Kafka offsets of those in the state",
                Effect.NEEDS_FRESH,
            ),
        )
    if new.partitions != old.partitions:
        differences.append(
            Change(
                f"topic: {old.partitions} -> {new.partitions} partitions, so series may have moved to another one: "
                "windows of a moved series that began before the change are computed from only some of its events",
                Effect.NEEDS_FRESH if new.partitions < old.partitions else Effect.CARRIES_OVER,
            )
        )
    return differences


def _in_words(window: dict[str, Any]) -> str:
    average = average_of(window)
    return f"{window_in_words(average.window)} every {average.every_in_words}"
