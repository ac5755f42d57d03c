"""Compares the job config of a state with the present one, and decides whether the state carries over.

The operator's state is the events of each series, not its averages, so most of averages.yaml may change while the state
stays. The rules by which events were kept may not. The config is stored with each state lineage.
"""

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from sma.averages import Averages
from sma.durations import format_duration
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
    """What a state depends on, besides the log.

    `windows` are as in the operator's plan, by average. `generation` is that of `streaming.control.job_starts`; 0 for a
    state of before there were any. What records before `published_to`, by partition, give is in the topics already: a
    job that this one has replaced wrote it.
    """

    watermark_delay_ms: int
    allowed_lateness_ms: int
    max_ahead_ms: int
    windows: dict[str, dict[str, Any]]
    partitions: int
    generation: int = 0
    published_to: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, averages: Averages, partitions: int, generation: int = 0) -> "JobConfig":
        """Return the job config of averages.yaml over a topic of so many partitions."""
        return cls(
            watermark_delay_ms=averages.watermark_delay_ms,
            allowed_lateness_ms=averages.allowed_lateness_ms,
            max_ahead_ms=averages.max_ahead_ms,
            windows={window["average"]: window for window in windows(averages)},
            partitions=partitions,
            generation=generation,
        )

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "JobConfig":
        """Return the job config that `as_json` returned.

        Raises:
            TypeError: it has other fields.
        """
        published_to = {int(partition): offset for partition, offset in stored.get("published_to", {}).items()}
        return cls(**stored | {"published_to": published_to})

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
    length = f"{window['event_count']} events" if window["event_count"] else format_duration(window["duration_ms"])
    return f"{length} every {format_duration(window['every_ms'])}"
