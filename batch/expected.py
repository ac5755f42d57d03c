"""What does the log itself give for a day, with and without the late events? It is what a difference is judged by."""

from collections.abc import Callable, Mapping

import polars as pl

from batch.answers import Answer
from batch.lateness import judged
from batch.log import LogRead, before
from batch.recompute import AVERAGES_SCHEMA, KEY, Recomputation
from batch.reconcile import Expected, compare
from sma.averages import Averages


class LogAverages:
    """The averages of parts of one log; what its days share is worked out once, whatever number of them asks."""

    def __init__(self, log: LogRead, averages: Averages, confirmed: Mapping[int, int]) -> None:
        """Judge the events; compute no average yet.

        Args:
            log: all that the stream can have read when its rows were looked at, and perhaps more.
            averages: what to compute, and what is late.
            confirmed: the Kafka offsets, by partition, before which it had read everything then.
        """
        self._log = log
        self._confirmed = confirmed
        self._events = judged(log.events, averages.allowed_lateness_ms)
        self._used = self._events.filter(~pl.col("is_late"))
        self._averages = {average.name: average for average in averages.averages}
        self._known: dict[str, tuple[Mapping[int, int] | None, Recomputation]] = {}

    def expected(self, answer: Answer) -> Expected:
        """Return what the log gives for the closed windows of the answer's day and average."""
        # the sum of a window in which a late event counts 1 and any other 0 is how many late events the window holds
        is_late = pl.col("is_late").cast(pl.Int64)
        late = self._rows(answer, "late", lambda: self._events.with_columns(value_micros=is_late))
        return Expected(
            batch=self._rows(answer, "batch", lambda: self._before(self._events, answer.read_to), answer.read_to),
            stream=self._rows(answer, "stream", lambda: self._used),
            late=late.select(*KEY, late_event_count=pl.col("value_sum_micros").cast(pl.Int64)).filter(
                pl.col("late_event_count") > 0
            ),
        )

    def in_flux(self, answer: Answer) -> pl.DataFrame:
        """Return the windows of the answer that the stream may have stated anew while its rows were looked at.

        They are those that come out otherwise from what it had confirmed by then.

        Returns:
            windows: `batch.recompute.KEY`; sorted and unique.
        """
        if self._is_whole(self._confirmed):
            return pl.DataFrame(schema={column: AVERAGES_SCHEMA[column] for column in KEY})
        earlier = self._rows(answer, "confirmed", lambda: self._before(self._used, self._confirmed))
        return compare(earlier, self._rows(answer, "stream", lambda: self._used)).select(KEY)

    def _before(self, events: pl.DataFrame, read_to: Mapping[int, int]) -> pl.DataFrame:
        return events if self._is_whole(read_to) else before(events, read_to)

    def _is_whole(self, read_to: Mapping[int, int]) -> bool:
        return all(read_to.get(partition, 0) >= end for partition, end in self._log.read_to.items())

    def _rows(
        self,
        answer: Answer,
        part: str,
        select: Callable[[], pl.DataFrame],
        read_to: Mapping[int, int] | None = None,
    ) -> pl.DataFrame:
        """Return an answer's rows of a part of the log; of a part that ends at `read_to`, only the last one is kept."""
        held = self._known.get(part)
        if held is None or held[0] != read_to:
            held = self._known[part] = (read_to, Recomputation(select()))
        return held[1].rows(self._averages[answer.average], *answer.bounds_ms)
