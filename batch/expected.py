"""What does the log itself give for a day, with and without the late events? It is what a difference is judged by."""

from collections.abc import Callable

import polars as pl

from batch.answers import Answer
from batch.diverted import Diverted
from batch.log import POSITIONS_SCHEMA, LogRead, before
from batch.recompute import slot_sums, window_sums
from batch.reconcile import Expected
from sma.averages import Averages


class LogSums:
    """Sums between grid points of three parts of one log, each worked out once, whatever number of days asks."""

    def __init__(self, log: LogRead, diverted: Diverted, averages: Averages) -> None:
        """Compute nothing yet; `diverted` holds positions within the log."""
        self._log = log
        self._diverted = diverted
        self._averages = {average.name: average for average in averages.averages}
        self._known: dict[tuple[object, ...], pl.DataFrame] = {}

    def expected(self, answer: Answer) -> Expected:
        """Return what the log gives for the closed windows of the answer's day and average."""
        events, late, position = self._log.events, self._diverted.late, list(POSITIONS_SCHEMA)
        read_to = tuple(sorted(answer.read_to.items()))
        return Expected(
            batch=self._windows(answer, ("batch", read_to), lambda: before(events, answer.read_to)),
            stream=self._windows(answer, ("stream",), lambda: events.join(late, on=position, how="anti")),
            late=self._windows(answer, ("late",), lambda: events.join(late, on=position, how="semi")),
        )

    def _windows(self, answer: Answer, part: tuple[object, ...], select: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        average = self._averages[answer.average]
        key = (*part, average.every_ms)
        if key not in self._known:
            self._known[key] = slot_sums(select(), average.every_ms)
        return window_sums(self._known[key], average, *answer.bounds_ms)
