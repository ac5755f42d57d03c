"""Provides all assets and sensors with the settings, the averages, the clock, and the runs of the batch layer.

Settings and averages are read when they are used and not when definitions load. The batch layer's runs have compiled
loops; they are imported where they are called, so that definitions load in a second or two.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg

from batch.log.offsets import Progress
from batch.results.retention import kept_days
from batch.schedule.backlog import Backlog, read_backlog
from batch.store.job_starts import averages_in_force
from powerbi.refresh.clock import Clock, SystemClock
from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch.index.extend import IndexReport
    from batch.pipeline import Computed, Reconciled
    from batch.report.worst_series import SeriesRows


class Project:
    """The settings (`SMA_*`) and averages.yaml of the process that runs the asset, and the batch layer on them.

    Each method raises SmaError where a service does not answer, or refuses.
    """

    clock: Clock = SystemClock()

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return load_settings()

    @property
    def averages(self) -> Averages:
        """What is computed: see `batch.store.job_starts.in_force`."""
        return averages_in_force(self.settings, load_averages(self.settings.averages))

    def backlog(self, today: date) -> Backlog:
        """Read which kept days are stale, and whether they can be computed."""
        return read_backlog(self.settings, self.averages, today)

    def extend_index(self, progress: Progress) -> "IndexReport":
        """Extend the offset index to the log's end."""
        from batch.index.extend import extend_index

        return extend_index(self.settings, self.averages, progress)

    def compute(self, days: Sequence[date], run_id: str, progress: Progress, resume_key: str) -> "Computed":
        """Compute days from the retained log, and store them."""
        from batch.pipeline import compute_batch_days

        kept = self._kept(days, progress)
        return compute_batch_days(
            self.settings, load_averages(self.settings.averages), kept, run_id, progress, resume_key
        )

    def reconcile(self, days: Sequence[date], run_id: str, progress: Progress) -> "Reconciled":
        """Compare days with the streamed rows, and store the result."""
        from batch.pipeline import reconcile_days

        averages = load_averages(self.settings.averages)
        return reconcile_days(self.settings, averages, self._kept(days, progress), run_id, progress)

    def _kept(self, days: Sequence[date], progress: Progress) -> list[date]:
        today = datetime.fromtimestamp(self.clock.now(), UTC).date()
        return kept_days(days, self.settings.keep_days, today, progress)

    def worst_series(self, reconciled: "Reconciled") -> "Mapping[str, SeriesRows]":
        """Read the rows of the series that differs most, of each day that differs."""
        from batch.report.worst_series import read_worst_series

        return read_worst_series(self.settings, reconciled)


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Fail the run with the one line of an SmaError, which the user can correct, and no retry."""
    try:
        yield
    except SmaError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
