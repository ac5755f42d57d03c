"""What is a case, and what is a ratio of two? Shared by both benchmarks; which ones there are, each says itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from bench.events import Log
from sma.errors import SmaError


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
        return f"{figure:,.2f} s" if self is Measure.SECONDS else f"{figure / (1 << 20):,.0f} MiB"


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
class Case:
    """Something that can be run over a log."""

    title: str
    run: Callable[[Log], Result]
    measure: Measure = Measure.RATE

    def figure(self, result: Result) -> float:
        """Return what counts in a result."""
        return {
            Measure.RATE: result.per_second,
            Measure.SECONDS: result.seconds,
            Measure.BYTES: result.peak_bytes,
        }[self.measure]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The worst figure of ours divided by the best of theirs; what `also` names is run beside it and only told.

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


@dataclass(slots=True)
class Measured:
    """The results of every case that has been run for some ratios, and which cases have failed."""

    cases: Mapping[str, Case]
    ratios: Mapping[str, Ratio]
    results: dict[str, list[Result]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    @property
    def needed(self) -> set[str]:
        """The names of the cases that the ratios take."""
        return {name for ratio in self.ratios.values() for name in ratio.cases}

    @property
    def found(self) -> dict[str, Ratio]:
        """The ratios of which no case has failed."""
        return {name: ratio for name, ratio in self.ratios.items() if self.failed.isdisjoint(ratio.cases)}

    def run_in_turns(
        self, needed: Collection[str], times: int, log_of: Callable[[str], Log], say: Callable[[str], None]
    ) -> None:
        """Run cases so many times, all in turn, so that a slow minute of the machine is not all of one case's."""
        for turn in range(1, times + 1):
            for name, case in self.cases.items():
                if name in needed and name not in self.failed:
                    say(f"{turn}/{times}  {self._run(name, case, log_of(name))}")

    def figure(self, name: str) -> float:
        """Return the median of what a case's runs have come to."""
        case = self.cases[name]
        return median(map(case.figure, self.results[name]))

    def sides(self, ratio: Ratio) -> tuple[float, float]:
        """Return the two figures that a ratio divides."""
        worst, best = (min, max) if self.measure(ratio).more_is_better else (max, min)
        return worst(map(self.figure, ratio.ours)), best(map(self.figure, ratio.theirs))

    def ratio(self, ratio: Ratio) -> float:
        """Return what a ratio has come to."""
        ours, theirs = self.sides(ratio)
        return ours / theirs

    def measure(self, ratio: Ratio) -> Measure:
        """Return what counts in a ratio's cases."""
        return self.cases[ratio.ours[0]].measure

    def require_all(self) -> None:
        """Refuse to end well where a case has failed.

        Raises:
            SmaError: names what has.
        """
        if self.failed:
            raise SmaError(f"failed: {', '.join(sorted(self.failed))}")

    def _run(self, name: str, case: Case, log: Log) -> str:
        try:
            result = case.run(log)
        except SmaError as error:
            self.failed.add(name)
            return f"{case.title}: {error}"
        self.results.setdefault(name, []).append(result)
        return f"{case.title:<60} {case.measure.shown(case.figure(result)):>14}  {result.seconds:>6.1f} s"
