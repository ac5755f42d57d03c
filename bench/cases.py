"""Cases that a benchmark runs, and the ratios of their figures; each benchmark lists its own.

How they are run in rounds, and the results of that, belong to bench/rounds.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Subject = TypeVar("Subject")  # what cases run over: a log, or a loaded database


class Measure(Enum):
    """What counts in a result."""

    RATE = "items a second"
    SECONDS = "seconds"
    BYTES = "peak memory"

    @property
    def more_is_better(self) -> bool:
        """Whether the larger of two figures is the better one."""
        return self is Measure.RATE

    def shown(self, figure: float) -> str:
        """Return a figure with its unit."""
        if self is Measure.RATE:
            return f"{figure:,.0f}/s"
        if self is Measure.SECONDS:
            return f"{figure:,.2f} s" if figure >= 1 else f"{figure:.4f} s"
        return f"{figure / (1 << 20):,.0f} MiB"


@dataclass(frozen=True, slots=True)
class Result:
    """One run: so many events, windows or rows in so many seconds; what it cost, or 0 where that was not measured."""

    items: int
    seconds: float
    peak_bytes: int = 0
    cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.items / self.seconds


@dataclass(frozen=True, slots=True)
class Case(Generic[Subject]):
    """Something that can be run over a subject, as often as wanted and whatever has run before it.

    Its run makes the tables that it writes and needs nothing that another case has left. Before it is timed it is run
    over the beginning of its subject. `warms_up` is false where nothing would be warmer for that: each run is in
    processes of its own, or starts again what it warms up, or no time is taken.
    """

    title: str
    run: Callable[[Subject], Result]
    measure: Measure = Measure.RATE
    warms_up: bool = True

    def figure(self, result: Result) -> float:
        """Return what counts in a result."""
        return {
            Measure.RATE: result.per_second,
            Measure.SECONDS: result.seconds,
            Measure.BYTES: result.peak_bytes,
        }[self.measure]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The worst figure of ours divided by the best of theirs; what `also` names is run with them and only shown.

    `wanted` is the least that it should be, or the most where less is better.
    """

    title: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    wanted: float
    reach_for: float
    also: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """The names of all cases that it takes."""
        return (*self.ours, *self.theirs, *self.also)
