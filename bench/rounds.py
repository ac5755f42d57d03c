"""Runs cases in rounds, and keeps the results of each run: the figures, their spread and the ratios.

Every case is run once in each round. A case begins another part of each round, and is run briefly before it is timed,
so neither its place in the round nor what ran before it is in its figure.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Generic

from bench.cases import Case, Measure, Ratio, Result, Subject
from sma.errors import SmaError

_EVEN_WITHIN = 4 / 3  # the largest figure of a case's runs divided by the smallest


@dataclass(slots=True)
class Rounds(Generic[Subject]):
    """The results of every case that has been run for some ratios, and which cases have failed."""

    cases: Mapping[str, Case[Subject]]
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

    def run(
        self,
        needed: Collection[str],
        rounds: int,
        subject_of: Callable[[str], Subject],
        beginning_of: Callable[[str], Subject] | None,
        say: Callable[[str], None],
    ) -> None:
        """Run cases once in each of so many rounds; one that fails is not run again.

        Args:
            needed: the names of the cases.
            rounds: how many.
            subject_of: what the case of a name runs over while it is timed.
            beginning_of: what it runs over before that, to warm up; None where figures do not matter.
            say: takes a line of progress.
        """
        names = [name for name in self.cases if name in needed]
        for number in range(rounds):
            for name in order_of(names, number, rounds):
                if name not in self.failed:
                    line = self._run_case(name, subject_of, beginning_of)
                    say(f"{number + 1}/{rounds}  {line}")

    def _run_case(
        self, name: str, subject_of: Callable[[str], Subject], beginning_of: Callable[[str], Subject] | None
    ) -> str:
        case = self.cases[name]
        try:
            if case.warms_up and beginning_of is not None:
                case.run(beginning_of(name))
            result = case.run(subject_of(name))
        except SmaError as error:
            self.failed.add(name)
            return f"{case.title}: {error}"
        self.results.setdefault(name, []).append(result)
        return f"{case.title:<60} {case.measure.shown(case.figure(result)):>14}  {result.seconds:>6.1f} s"

    def figures(self, name: str) -> list[float]:
        """Return the figure of each run of a case."""
        case = self.cases[name]
        return [case.figure(result) for result in self.results[name]]

    def figure(self, name: str) -> float:
        """Return the median of the figures of a case's runs."""
        return median(self.figures(name))

    def spread(self, name: str) -> tuple[float, float]:
        """Return the smallest and the largest figure of a case's runs."""
        figures = self.figures(name)
        return min(figures), max(figures)

    @property
    def uneven(self) -> list[str]:
        """The names of the cases whose runs differ by more than a third: the largest figure from the smallest."""
        spreads = {name: self.spread(name) for name in self.cases if name in self.results}
        return [name for name, (least, most) in spreads.items() if most > least * _EVEN_WITHIN]

    def sides(self, ratio: Ratio) -> tuple[float, float]:
        """Return the two figures that a ratio divides."""
        worst, best = (min, max) if self.measure(ratio).more_is_better else (max, min)
        return worst(map(self.figure, ratio.ours)), best(map(self.figure, ratio.theirs))

    def ratio(self, ratio: Ratio) -> float:
        """Return the value of a ratio."""
        ours, theirs = self.sides(ratio)
        return ours / theirs

    def measure(self, ratio: Ratio) -> Measure:
        """Return what counts in a ratio's cases."""
        return self.cases[ratio.ours[0]].measure

    def require_all(self) -> None:
        """Raise an error where a case has failed.

        Raises:
            SmaError: names the failed cases.
        """
        if self.failed:
            raise SmaError(f"failed: {', '.join(sorted(self.failed))}")


def order_of(names: Sequence[str], number: int, rounds: int) -> list[str]:
    """Return names in the order of a round: each round begins a fraction of them, 1 / rounds, further on.

    >>> [order_of("abcdef", number, 3) for number in range(3)] == [list("abcdef"), list("cdefab"), list("efabcd")]
    True
    """
    if not names:
        return []
    first = number * max(1, len(names) // rounds) % len(names)
    return [*names[first:], *names[:first]]
